/**
 * Recurrent layers as sequences: one call for all steps, and one for all steps of the gradient.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap, Split } from "../kernel_heap.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { multiply } from "./matmul.ts";

/** Numbers of the activations of `assembly/recurrent_rows.ts`. */
export const RECURRENT_ACTIVATIONS = {
  linear: 0,
  relu: 1,
  relu6: 2,
  sigmoid: 3,
  hardSigmoid: 4,
  tanh: 5,
} as const;

/** The name of an activation that the kernels of recurrent layers compute. */
export type RecurrentActivation = keyof typeof RECURRENT_ACTIVATIONS;

/** The attributes of a recurrent cell. */
export interface CellAttributes {
  /** The activation of the new state. */
  activation: RecurrentActivation;
  /** The activation of the gates. */
  recurrentActivation: RecurrentActivation;
}

/** The attributes of a recurrent layer. */
export interface RecurrentAttributes extends CellAttributes {
  /** Whether the last input comes first. */
  backwards: boolean;
  /** Whether the states after all steps are a result. */
  sequence: boolean;
  /** Whether the results include what the gradient needs. */
  saves: boolean;
}

/** The sizes of a recurrent layer. */
interface Sizes {
  batch: number;
  steps: number;
  units: number;
}

function sizesOf(x: tf.TensorInfo, weights: tf.TensorInfo): Sizes {
  return { batch: x.shape[0], steps: x.shape[1], units: weights.shape[0] };
}

/** A block of the weights of the states: some of their columns. */
interface Block {
  /** Index of the first column, and number of columns. */
  from: number;
  columns: number;
}

/**
 * Packs blocks of the weights of the states into memory that all threads share.
 *
 * @param count Number of other floats in that memory.
 * @returns The addresses of the blocks, and that of the other floats.
 */
function packWeights(
  heap: KernelHeap,
  weights: tf.TensorInfo,
  blocks: Block[],
  transpose: boolean,
  count: number,
): number[] {
  const [units, width] = weights.shape;
  const sizes = blocks.map(({ columns }) =>
    transpose ? columns * roundUp(units) : units * roundUp(columns)
  );
  const addresses = [heap.shared(4 * sizes.reduce((sum, size) => sum + size, count))];
  blocks.forEach(({ from, columns }, i) => {
    const source = heap.at(weights) + 4 * from;
    const shape = transpose ? [columns, units, 1] : [units, columns, 0];
    heap.run("packStates", [source, width, ...shape, addresses[i]]);
    addresses.push(addresses[i] + 4 * sizes[i]);
  });
  return addresses;
}

/** Panels are 8 columns wide. */
function roundUp(columns: number): number {
  return Math.ceil(columns / 8) * 8;
}

/** The addresses of tensors, 0 for those that are missing. */
function addressesOf(heap: KernelHeap, ...tensors: (tf.TensorInfo | undefined)[]): number[] {
  return tensors.map((tensor) => tensor ? heap.at(tensor) : 0);
}

/** Runs a kernel on all examples, which are the two arguments before the last one. */
function runSequence(heap: KernelHeap, name: string, args: number[], sizes: Sizes, gates: number) {
  const { batch, steps, units } = sizes;
  const all = [...args, 0, batch, heap.scratch()];
  const split: Split = {
    argument: args.length,
    multiple: 4,
    work: batch * steps * units * units * gates,
  };
  heap.run(name, all, split);
}

/** The inputs of all steps times their weights, plus bias: `[batch, steps, gates * units]`. */
function project(heap: KernelHeap, { x, kernel, bias }: Inputs): tf.TensorInfo {
  const [batch, steps, inputs] = x.shape;
  const rows = { dataId: x.dataId, dtype: x.dtype, shape: [batch * steps, inputs] };
  const result = multiply(heap, rows, kernel, false, false, bias);
  return { ...result, shape: [batch, steps, kernel.shape[1]] };
}

const codes = ({ activation, recurrentActivation }: CellAttributes) => [
  RECURRENT_ACTIVATIONS[activation],
  RECURRENT_ACTIVATIONS[recurrentActivation],
];

/** Disposes what only the gradient needs, or returns it. */
function keepSaved(
  heap: KernelHeap,
  states: tf.TensorInfo[],
  saved: tf.TensorInfo[],
  sequence: tf.TensorInfo | undefined,
  { saves }: RecurrentAttributes,
): tf.TensorInfo[] {
  if (!saves) { for (const { dataId } of saved) heap.backend.disposeData(dataId); }
  return [...states, ...saves ? saved : [], ...sequence ? [sequence] : []];
}

/** Results: h and c; gates, states and cells before each step, activated cells; the sequence. */
function lstm(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { x, recurrentKernel, h, c, mask, dropout } = inputs;
  const { backwards, sequence, saves } = attributes;
  const sizes = sizesOf(x, recurrentKernel), { batch, steps, units } = sizes;
  const gates = project(heap, inputs);
  const [lastH, lastC] = [0, 1].map(() => heap.output([batch, units]));
  const all = [batch, steps, units];
  const [previous, cells, activated] = [0, 1, 2].map((i) =>
    saves ? heap.output(all) : i === 0 ? heap.output([batch, units]) : undefined
  );
  const states = sequence ? heap.output(all) : undefined;
  const [weights] = packWeights(heap, recurrentKernel, [{ from: 0, columns: 4 * units }], false, 0);
  const args = [
    ...[heap.at(gates), weights, ...addressesOf(heap, h, c, lastH, lastC, previous)],
    ...addressesOf(heap, cells, activated, states, mask, dropout),
    ...[steps, units, Number(backwards), Number(saves), ...codes(attributes)],
  ];
  runSequence(heap, "lstm", args, sizes, 4);
  const saved = [gates, previous, cells, activated].filter((tensor) => tensor !== undefined);
  return keepSaved(heap, [lastH, lastC], saved, states, attributes);
}

/** Results: slopes of the gates before their activations, of the first states and first cells. */
function lstmGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, dc, gates, cells, activated, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape);
  const [dFirstH, dFirstC] = [0, 1].map(() => heap.output([batch, units]));
  const block = { from: 0, columns: 4 * units };
  const [weights, rest] = packWeights(heap, recurrentKernel, [block], true, batch * units);
  const args = [
    ...addressesOf(heap, dSequence, dh, dc, gates, cells, activated),
    ...[weights, ...addressesOf(heap, mask, dropout), rest],
    ...addressesOf(heap, dz, dFirstH, dFirstC),
    ...[steps, units, Number(attributes.backwards), ...codes(attributes)],
  ];
  runSequence(heap, "lstmGradient", args, sizes, 4);
  return [dz, dFirstH, dFirstC];
}

/** Runs a kernel of one step on all rows. */
function runRows(
  heap: KernelHeap,
  name: string,
  tensors: tf.TensorInfo[],
  attributes: CellAttributes,
) {
  const { shape } = tensors.at(-1)!, units = shape.at(-1)!, rows = sizeOf(shape) / units;
  const addresses = addressesOf(heap, ...tensors);
  const args = [...addresses, units, ...codes(attributes), 0, rows, heap.scratch()];
  heap.run(name, args, { argument: args.length - 3, multiple: 1, work: 40 * rows * units });
}

/** One step of rows. Results: h and c; gates and activated cells. */
function lstmCell(heap: KernelHeap, { x, product, c }: Inputs, attributes: CellAttributes) {
  const gates = heap.output(x.shape);
  const [h, newC, activated] = [0, 1, 2].map(() => heap.output(c.shape));
  runRows(heap, "lstmCell", [x, product, c, gates, h, newC, activated], attributes);
  return [h, newC, gates, activated];
}

/** Results: slopes of the gates before their activations, and of the cells before the step. */
function lstmCellGradient(heap: KernelHeap, inputs: Inputs, attributes: CellAttributes) {
  const { dh, dc, gates, c, activated } = inputs;
  const dz = heap.output(gates.shape), dPrevious = heap.output(c.shape);
  runRows(heap, "lstmCellGradient", [dh, dc, gates, c, activated, dz, dPrevious], attributes);
  return [dz, dPrevious];
}

/** The weights for both gates, and those for the new state. */
const gruBlocks = (units: number): Block[] => [
  { from: 0, columns: 2 * units },
  { from: 2 * units, columns: units },
];

/** Results: h; gates, states before each step, the same times the reset gate; the sequence. */
function gru(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { x, recurrentKernel, h, mask, dropout } = inputs;
  const { backwards, sequence, saves } = attributes;
  const sizes = sizesOf(x, recurrentKernel), { batch, steps, units } = sizes;
  const gates = project(heap, inputs);
  const lastH = heap.output([batch, units]);
  const all = [batch, steps, units];
  const [previous, reset] = [0, 1].map(() => heap.output(saves ? all : [batch, units]));
  const states = sequence ? heap.output(all) : undefined;
  const [weights, newWeights, rest] = packWeights(
    heap,
    recurrentKernel,
    gruBlocks(units),
    false,
    batch * units,
  );
  const args = [
    ...[heap.at(gates), weights, newWeights],
    ...addressesOf(heap, h, lastH, previous, reset, states, mask, dropout),
    ...[rest, steps, units, Number(backwards), Number(saves), ...codes(attributes)],
  ];
  runSequence(heap, "gru", args, sizes, 3);
  return keepSaved(heap, [lastH], [gates, previous, reset], states, attributes);
}

/** Results: slopes of the gates before their activations, and of the first states. */
function gruGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, gates, previous, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape), dFirstH = heap.output([batch, units]);
  const [weights, newWeights, rest] = packWeights(
    heap,
    recurrentKernel,
    gruBlocks(units),
    true,
    2 * batch * units,
  );
  const args = [
    ...addressesOf(heap, dSequence, dh, gates, previous),
    ...[weights, newWeights, ...addressesOf(heap, mask, dropout), rest, rest + 4 * batch * units],
    ...addressesOf(heap, dz, dFirstH),
    ...[steps, units, Number(attributes.backwards), ...codes(attributes)],
  ];
  runSequence(heap, "gruGradient", args, sizes, 3);
  return [dz, dFirstH];
}

/** The slopes of the weights of the states; those of the new state were multiplied after the reset. */
function gruWeightGradient(heap: KernelHeap, { previous, reset, dz }: Inputs) {
  const [rows, units] = previous.shape;
  const result = heap.output([units, 3 * units]);
  const [slopes, to] = addressesOf(heap, dz, result);
  [previous, reset].forEach((states, i) => {
    const { from, columns } = gruBlocks(units)[i];
    const args = [
      ...[heap.at(states), slopes, to, units, 3 * units, rows],
      ...[0, units, from, from + columns, 1, 0, units, 3 * units, 0, 0, heap.scratch()],
    ];
    const work = units * columns * rows;
    heap.run("gemm", args, { argument: 6, multiple: 4, work });
  });
  return result;
}

/** Results: h; states after and before each step, without masks; the sequence. */
function simpleRnn(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { x, recurrentKernel, h, mask, dropout } = inputs;
  const { backwards, sequence, saves } = attributes;
  const sizes = sizesOf(x, recurrentKernel), { batch, steps, units } = sizes;
  const gates = project(heap, inputs);
  const lastH = heap.output([batch, units]);
  const all = [batch, steps, units];
  const previous = heap.output(saves ? all : [batch, units]);
  const states = sequence ? heap.output(all) : undefined;
  const [weights] = packWeights(heap, recurrentKernel, [{ from: 0, columns: units }], false, 0);
  const args = [
    ...[heap.at(gates), weights],
    ...addressesOf(heap, h, lastH, previous, states, mask, dropout),
    ...[steps, units, Number(backwards), Number(saves), codes(attributes)[0]],
  ];
  runSequence(heap, "simpleRnn", args, sizes, 1);
  return keepSaved(heap, [lastH], [gates, previous], states, attributes);
}

/** Results: slopes of the new states before their activation, and of the first states. */
function simpleRnnGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, gates, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape), dFirstH = heap.output([batch, units]);
  const block = { from: 0, columns: units };
  const [weights, rest] = packWeights(heap, recurrentKernel, [block], true, batch * units);
  const args = [
    ...[...addressesOf(heap, dSequence, dh, gates), weights],
    ...[...addressesOf(heap, mask, dropout), rest, ...addressesOf(heap, dz, dFirstH)],
    ...[steps, units, Number(attributes.backwards), codes(attributes)[0]],
  ];
  runSequence(heap, "simpleRnnGradient", args, sizes, 1);
  return [dz, dFirstH];
}

/** The kernels of recurrent layers. */
export const RECURRENT_KERNELS: KernelTable = {
  TrainchartLstm: lstm,
  TrainchartLstmGradient: lstmGradient,
  TrainchartLstmCell: lstmCell,
  TrainchartLstmCellGradient: lstmCellGradient,
  TrainchartGru: gru,
  TrainchartGruGradient: gruGradient,
  TrainchartGruWeightGradient: gruWeightGradient,
  TrainchartSimpleRnn: simpleRnn,
  TrainchartSimpleRnnGradient: simpleRnnGradient,
};
