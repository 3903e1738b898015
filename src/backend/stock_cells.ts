/**
 * The cells of recurrent layers that our kernels compute.
 *
 * @module
 */
import { type AnyLayer, layerClass } from "./fix_layers/layer_class.ts";
import { RECURRENT_ACTIVATIONS, type RecurrentActivation } from "./kernels/recurrent_steps.ts";

/** A kind of cell. */
export interface CellKind {
  /** The kernel that computes a sequence; that of its gradient ends in `Gradient`. */
  kernelName: "TrainchartLstm" | "TrainchartGru" | "TrainchartSimpleRnn";
  /** Number of states. */
  states: number;
  /** Number of gates, the new state included; the cell draws as many masks for its dropout. */
  gates: number;
}

/** A cell of tfjs, as it is. */
export interface StockCell {
  kind: CellKind;
  units: number;
  activation: RecurrentActivation;
  recurrentActivation: RecurrentActivation;
  /** The cell itself. */
  cell: AnyLayer;
}

const KINDS: Record<string, CellKind> = {
  LSTMCell: { kernelName: "TrainchartLstm", states: 2, gates: 4 },
  GRUCell: { kernelName: "TrainchartGru", states: 1, gates: 3 },
  SimpleRNNCell: { kernelName: "TrainchartSimpleRnn", states: 1, gates: 1 },
};

/** A convolutional cell of tfjs, as it is. */
export type ConvolutionalCell = Pick<StockCell, "activation" | "recurrentActivation" | "cell">;

/** The methods of tfjs's classes that the kernels stand for. */
type Methods = Record<string, unknown>;

const KIND_OF = new Map<unknown, CellKind>();
const ACTIVATION_OF = new Map<unknown, RecurrentActivation>();
const METHODS_OF = new Map<unknown, Methods>();

/** Notes the classes of tfjs before a program can register others of the same names. */
export function noteStockCells(): void {
  for (const name in KINDS) KIND_OF.set(noteMethods(name, "call"), KINDS[name]);
  noteMethods("StackedRNNCells", "call");
  noteMethods("ConvLSTM2DCell", "call", "inputConv", "recurrentConv");
  for (const name of Object.keys(RECURRENT_ACTIVATIONS) as RecurrentActivation[]) {
    ACTIVATION_OF.set(noteMethods(name, "apply"), name);
  }
}

function noteMethods(className: string, ...names: string[]): unknown {
  const owner = layerClass(className);
  METHODS_OF.set(owner, Object.fromEntries(names.map((name) => [name, owner.prototype[name]])));
  return owner;
}

/** The cells of a layer, first one first; or `undefined` if our kernels do not compute one of them. */
export function stockCells(cell: AnyLayer): StockCell[] | undefined {
  const cells: AnyLayer[] = Array.isArray(cell.cells) && isOriginal(cell) ? cell.cells : [cell];
  const known = cells.map(stockCell).filter((cell) => cell !== undefined);
  return known.length === cells.length && known.length > 0 ? known : undefined;
}

/** Whether an object is of a class of tfjs itself, and its methods are tfjs's. */
function isOriginal(object: AnyLayer): boolean {
  const originals = METHODS_OF.get(object?.constructor);
  return originals !== undefined &&
    Object.entries(originals).every(([name, method]) => object[name] === method);
}

function stockCell(cell: AnyLayer): StockCell | undefined {
  const kind = KIND_OF.get(cell?.constructor);
  if (!kind || !isOriginal(cell) || cell.dropoutFunc) return;
  const activation = activationOf(cell.activation);
  const recurrentActivation = kind.gates > 1 ? activationOf(cell.recurrentActivation) : "linear";
  if (!activation || !recurrentActivation) return;
  // A program that set masks by itself wants them.
  if (cell.dropoutMask != null || cell.recurrentDropoutMask != null) return;
  return { kind, units: cell.units, activation, recurrentActivation, cell };
}

/** A convolutional cell whose channels come last and which drops nothing, or `undefined`. */
export function convolutionalCell(
  cell: AnyLayer,
  training: boolean,
): ConvolutionalCell | undefined {
  if (!METHODS_OF.get(cell?.constructor)?.recurrentConv || !isOriginal(cell)) return;
  const activation = activationOf(cell.activation);
  const recurrentActivation = activationOf(cell.recurrentActivation);
  // It drops other inputs of each gate.
  const drops = training && (isRate(cell.dropout) || isRate(cell.recurrentDropout));
  if (!activation || !recurrentActivation || drops || cell.dataFormat !== "channelsLast") return;
  if (cell.dropoutMask != null || cell.recurrentDropoutMask != null) return;
  return { cell, activation, recurrentActivation };
}

/** Whether a cell drops anything at this rate: at 1, tfjs drops nothing. */
function isRate(rate: number): boolean {
  return rate > 0 && rate < 1;
}

function activationOf(activation: AnyLayer): RecurrentActivation | undefined {
  if (activation == null) return "linear";
  return isOriginal(activation) ? ACTIVATION_OF.get(activation.constructor) : undefined;
}
