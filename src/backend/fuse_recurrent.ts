/**
 * The layers and cells of recurrent networks that our kernels compute whole.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { type AnyLayer, layerClass } from "./fix_layers/layer_class.ts";
import { hasKernel, isRecorded, runAll } from "./gradients/gradient.ts";
import { registerRecurrent } from "./gradients/recurrent.ts";
import {
  RECURRENT_ACTIVATIONS,
  type RecurrentActivation,
  type RecurrentAttributes,
} from "./kernels/recurrent_steps.ts";

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
function noteStockCells(): void {
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
function stockCells(cell: AnyLayer): StockCell[] | undefined {
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
function convolutionalCell(
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

/** The options with which tfjs calls a recurrent layer. */
interface CallOptions {
  mask?: tf.Tensor | null;
  training?: boolean | null;
  initialState?: tf.Tensor[] | null;
}

/** Widest inputs whose sums are made in floats. */
const WIDEST = 2 ** 15;

let initialStateOf: unknown;

/**
 * Makes recurrent layers compute all steps in one call, if the backend has our kernels. A second
 * call does nothing.
 *
 * A cell that is not tfjs's own, an activation that the kernels lack, and inputs of another dtype or
 * without elements leave the layer as it was.
 */
export function fuseRecurrent(): void {
  if (tf.getGradient("TrainchartLstm")) return;
  noteStockCells();
  registerRecurrent();
  const prototype: AnyLayer = tf.layers.RNN.prototype;
  initialStateOf = prototype.getInitialState;
  const { call } = prototype;
  prototype.call = function (this: AnyLayer, inputs: unknown, options: CallOptions | null) {
    const computed = plan(this, inputs, options ?? {});
    return computed ? tf.tidy(computed) : call.call(this, inputs, options);
  };
}

/** A function that computes a layer by our kernels, or `undefined` if they do not. */
function plan(
  layer: AnyLayer,
  inputs: unknown,
  { mask, training, initialState }: CallOptions,
): (() => tf.Tensor | tf.Tensor[]) | undefined {
  if (!hasKernel("TrainchartLstm")) return;
  const x = Array.isArray(inputs) && inputs.length === 1 ? inputs[0] : inputs;
  if (isFloat(x, 5) && x.size > 0 && !mask) {
    return planConvolutions(layer, x, initialState, training ?? false);
  }
  if (!isFloat(x, 3) || x.size === 0) return;
  const [batch, steps, width] = x.shape as number[];
  if (mask && !(mask instanceof tf.Tensor && mask.shape.join() === `${batch},${steps}`)) return;
  const cells = stockCells(layer.cell);
  if (!cells || width > WIDEST || !fit(cells, width)) return;
  const first = initialState ?? (layer.stateful ? layer.states_ : firstStates(layer, x));
  if (first !== undefined && !areStates(first, cells, batch)) return;
  return () => compute(layer, x, cells, first, mask ?? undefined, training ?? false);
}

function isFloat(x: unknown, rank: number): x is tf.Tensor {
  return x instanceof tf.Tensor && x.dtype === "float32" && x.rank === rank;
}

/** Whether the weights of cells fit inputs of this width, and the states of the cells before. */
function fit(cells: StockCell[], inputs: number): boolean {
  return cells.every(({ kind, units, cell }) => {
    const shapes = [[inputs, kind.gates * units], [units, kind.gates * units]];
    inputs = units;
    return [cell.kernel, cell.recurrentKernel].every((weight, i) => {
      const tensor = weight?.read();
      return isFloat(tensor, 2) && tensor.shape.join() === shapes[i].join();
    });
  });
}

/** The first states of a layer that makes them otherwise than tfjs does, which are zeros. */
function firstStates(layer: AnyLayer, x: tf.Tensor): tf.Tensor[] | undefined {
  return layer.getInitialState === initialStateOf ? undefined : layer.getInitialState(x);
}

function areStates(states: unknown, cells: StockCell[], batch: number): states is tf.Tensor[] {
  const sizes = cells.toReversed().flatMap(({ kind, units }) => Array(kind.states).fill(units));
  return Array.isArray(states) && states.length === sizes.length &&
    states.every((state, i) => isFloat(state, 2) && state.shape.join() === `${batch},${sizes[i]}`);
}

/** Computes the cells one after another, each for all steps. */
function compute(
  layer: AnyLayer,
  x: tf.Tensor,
  cells: StockCell[],
  first: tf.Tensor[] | undefined,
  mask: tf.Tensor | undefined,
  training: boolean,
): tf.Tensor | tf.Tensor[] {
  const { goBackwards, returnSequences } = layer;
  let shares = mask?.toBool().toFloat();
  let end = first?.length ?? 0;
  // tfjs lists the states of the last cell first.
  const states: tf.Tensor[] = [];
  let sequence = x;
  cells.forEach((cell, i) => {
    const own = first?.slice(end - cell.kind.states, end);
    end -= cell.kind.states;
    const attributes: RecurrentAttributes = {
      activation: cell.activation,
      recurrentActivation: cell.recurrentActivation,
      backwards: goBackwards && i === 0,
      sequence: returnSequences || i < cells.length - 1,
      saves: isRecorded(),
    };
    const results = computeCell(cell, sequence, own, shares, training, attributes);
    states.unshift(...results.slice(0, cell.kind.states));
    if (attributes.sequence) sequence = results.at(-1)!;
    // The states of the first cell are in the order in which they were computed.
    if (attributes.backwards) shares = shares?.reverse(1);
  });
  if (layer.stateful) layer.resetStates(states, training);
  const output = returnSequences ? sequence : states[0];
  return layer.returnState ? [output, ...states] : output;
}

function computeCell(
  { kind, cell, units }: StockCell,
  x: tf.Tensor,
  [h, c]: tf.Tensor[] = [],
  mask: tf.Tensor | undefined,
  training: boolean,
  attributes: RecurrentAttributes,
): tf.Tensor[] {
  const [batch, , inputs] = x.shape;
  const dropped = drawMask(cell.dropout, [batch, inputs], kind.gates, training);
  const dropout = drawMask(cell.recurrentDropout, [batch, units], kind.gates, training);
  const tensors: Record<string, tf.Tensor | undefined> = {
    x: dropped ? x.mul(dropped.expandDims(1)) : x,
    kernel: cell.kernel.read(),
    recurrentKernel: cell.recurrentKernel.read(),
    bias: cell.bias?.read(),
    h,
    c,
    mask,
    dropout,
  };
  for (const name in tensors) if (!tensors[name]) delete tensors[name];
  return runAll(kind.kernelName, tensors as tf.NamedTensorMap, attributes);
}

/**
 * The factors of dropout, the same for all steps. tfjs draws a mask for each gate and uses the first
 * one: the others are drawn as well, so that random numbers stay the same.
 */
function drawMask(
  rate: number,
  shape: number[],
  count: number,
  training: boolean,
): tf.Tensor | undefined {
  if (!training || rate <= 0 || rate >= 1) return;
  return Array.from({ length: count }, () => tf.dropout(tf.ones(shape), rate))[0];
}

/** A function that computes a convolutional layer, or `undefined` if our kernels do not. */
function planConvolutions(
  layer: AnyLayer,
  x: tf.Tensor,
  initialState: tf.Tensor[] | null | undefined,
  training: boolean,
): (() => tf.Tensor | tf.Tensor[]) | undefined {
  const cell = convolutionalCell(layer.cell, training);
  if (!cell) return;
  const first = initialState ?? (layer.stateful ? layer.states_ : layer.getInitialState(x));
  const [batch, , ...image] = layer.computeSingleOutputShape(x.shape);
  const isState = (state: unknown) =>
    isFloat(state, 4) && state.shape.join() === [batch, ...image].join();
  if (!Array.isArray(first) || first.length !== 2 || !first.every(isState)) return;
  return () => computeConvolutions(layer, x, cell, first, training);
}

/** One convolution for the inputs of all steps; one for the states of each step. */
function computeConvolutions(
  layer: AnyLayer,
  x: tf.Tensor,
  { cell, activation, recurrentActivation }: ConvolutionalCell,
  [h, c]: tf.Tensor[],
  training: boolean,
): tf.Tensor | tf.Tensor[] {
  const [batch, steps, ...image] = x.shape;
  const { kernel, recurrentKernel, bias, strides, padding, dilationRate: dilations } = cell;
  const all = tf.fused.conv2d({
    ...{ x: x.reshape([batch * steps, ...image]) as tf.Tensor4D, filter: kernel.read() },
    ...{ strides, pad: padding, dilations, bias: bias?.read() },
  });
  const inputs = tf.unstack(all.reshape([batch, steps, ...all.shape.slice(1)]), 1);
  const weights = recurrentKernel.read();
  const states = (layer.goBackwards ? inputs.toReversed() : inputs).map((input) => {
    const product = tf.conv2d(h as tf.Tensor4D, weights, 1, "same");
    const tensors = { x: input, product, c };
    [h, c] = runAll("TrainchartLstmCell", tensors, { activation, recurrentActivation });
    return h;
  });
  if (layer.stateful) layer.resetStates([h, c], training);
  const output = layer.returnSequences ? tf.stack(states, 1) : h;
  return layer.returnState ? [output, h, c] : output;
}
