/**
 * The cells of recurrent layers that our kernels compute.
 *
 * @module
 */
import { type AnyLayer, layerClass } from "../fix_layers/layer_class.ts";
import { RECURRENT_ACTIVATIONS, type RecurrentActivation } from "../kernels/recurrent.ts";

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

/** A class of tfjs and the method that the kernels stand for. */
interface Method {
  owner: AnyLayer;
  name: string;
  original: unknown;
}

const kinds = new Map<unknown, CellKind>();
const activations = new Map<unknown, RecurrentActivation>();
const methods = new Map<unknown, Method>();

/** Notes the classes of tfjs before a program can register others of the same names. */
export function noteStockCells(): void {
  for (const name in KINDS) kinds.set(noteMethod(name, "call"), KINDS[name]);
  noteMethod("StackedRNNCells", "call");
  for (const name of Object.keys(RECURRENT_ACTIVATIONS) as RecurrentActivation[]) {
    activations.set(noteMethod(name, "apply"), name);
  }
}

function noteMethod(className: string, name: string): unknown {
  const owner = layerClass(className);
  methods.set(owner, { owner, name, original: owner.prototype[name] });
  return owner;
}

/** The cells of a layer, first one first; or `undefined` if our kernels do not compute one of them. */
export function stockCells(cell: AnyLayer): StockCell[] | undefined {
  const cells: AnyLayer[] = Array.isArray(cell.cells) && isOriginal(cell) ? cell.cells : [cell];
  const known = cells.map(stockCell).filter((cell) => cell !== undefined);
  return known.length === cells.length && known.length > 0 ? known : undefined;
}

/** Whether an object is of a class of tfjs itself, and its method is tfjs's. */
function isOriginal(object: AnyLayer): boolean {
  const method = methods.get(object?.constructor);
  return method !== undefined && object[method.name] === method.original;
}

function stockCell(cell: AnyLayer): StockCell | undefined {
  const kind = kinds.get(cell?.constructor);
  if (!kind || !isOriginal(cell) || cell.dropoutFunc) return;
  const activation = activationOf(cell.activation);
  const recurrentActivation = kind.gates > 1 ? activationOf(cell.recurrentActivation) : "linear";
  if (!activation || !recurrentActivation) return;
  // A program that set masks by itself wants them.
  if (cell.dropoutMask != null || cell.recurrentDropoutMask != null) return;
  return { kind, units: cell.units, activation, recurrentActivation, cell };
}

function activationOf(activation: AnyLayer): RecurrentActivation | undefined {
  if (activation == null) return "linear";
  return isOriginal(activation) ? activations.get(activation.constructor) : undefined;
}
