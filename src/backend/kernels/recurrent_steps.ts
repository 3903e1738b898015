/**
 * The steps of recurrent layers, as all their kernels run them.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import type { Inputs } from "./kernel.ts";
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
export interface Sizes {
  batch: number;
  steps: number;
  units: number;
}

export function sizesOf(x: tf.TensorInfo, weights: tf.TensorInfo): Sizes {
  return { batch: x.shape[0], steps: x.shape[1], units: weights.shape[0] };
}

/** A block of the weights of the states: some of their columns. */
export interface Block {
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
export function packWeights(
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
export function addressesOf(heap: KernelHeap, ...tensors: (tf.TensorInfo | undefined)[]): number[] {
  return tensors.map((tensor) => tensor ? heap.at(tensor) : 0);
}

/** Runs a kernel on all examples, which are the two arguments before the last one. */
export function runSequence(
  heap: KernelHeap,
  name: string,
  args: number[],
  { batch, units }: Sizes,
  gates: number,
  steps: number,
): void {
  const all = [...args, 0, batch, heap.scratch()];
  // Without steps that multiply, only gates are computed.
  const work = batch * units * gates * (steps > 0 ? steps * units : 10);
  heap.run(name, all, { argument: args.length, multiple: 4, work });
}

/** A matrix in memory: its address, and the number of elements between two rows. */
interface Matrix {
  at: number;
  width: number;
}

/** Computes `c = a b` of matrices, or of `b` transposed; the rows of `c` are adjacent. */
export function multiplyInto(
  heap: KernelHeap,
  a: Matrix,
  b: Matrix,
  c: number,
  [rows, columns, depth]: [number, number, number],
  transposeB: boolean,
): void {
  const args = [
    ...[a.at, b.at, c, rows, columns, depth, 0, rows, 0, columns],
    ...[0, Number(transposeB), a.width, b.width, 0, 0, heap.scratch()],
  ];
  heap.run("gemm", args, { argument: 6, multiple: 4, work: rows * columns * depth });
}

/** Runs a kernel from a step to another: with packed weights, or with the products of one step. */
type Run = (weights: number, more: number, first: number, end: number) => void;

/** Whether a native library computes the products of each step: then each step is a call. */
export function isByStep(
  heap: KernelHeap,
  { batch, units }: Sizes,
  gates: number,
  inputs: Inputs,
): boolean {
  // Masks and dropout change states between the products.
  return !inputs.mask && !inputs.dropout &&
    (heap.native?.canMultiply(batch * units * units * gates) ?? false);
}

/** Runs all steps of a kernel with one product a step. */
export function runForward(
  heap: KernelHeap,
  inputs: Inputs,
  sizes: Sizes,
  gates: number,
  lastH: tf.TensorInfo,
  run: Run,
): void {
  const { recurrentKernel, h } = inputs, { batch, steps, units } = sizes;
  const width = gates * units;
  if (!isByStep(heap, sizes, gates, inputs)) {
    const block = { from: 0, columns: width };
    return run(packWeights(heap, recurrentKernel, [block], false, 0)[0], 0, 0, steps);
  }
  const product = heap.output([batch, width]);
  const weights = { at: heap.at(recurrentKernel), width };
  for (let step = 0; step < steps; step++) {
    const before = step > 0 ? lastH : h;
    if (before) {
      const states = { at: heap.at(before), width: units };
      multiplyInto(heap, states, weights, heap.at(product), [batch, width, units], false);
    } else heap.run("fill", [heap.at(product), batch * width, 4, 0]);
    run(0, heap.at(product), step, step + 1);
  }
  heap.backend.disposeData(product.dataId);
}

/** Runs all steps of a gradient with one product a step, the last one first. */
export function runBackward(
  heap: KernelHeap,
  inputs: Inputs,
  sizes: Sizes,
  backwards: boolean,
  dz: tf.TensorInfo,
  dh: tf.TensorInfo,
  run: Run,
): void {
  const { recurrentKernel } = inputs, { batch, steps, units } = sizes;
  const width = recurrentKernel.shape[1];
  if (!isByStep(heap, sizes, width / units, inputs)) {
    const block = { from: 0, columns: width };
    const [weights, rest] = packWeights(heap, recurrentKernel, [block], true, batch * units);
    return run(weights, rest, 0, steps);
  }
  const weights = { at: heap.at(recurrentKernel), width };
  for (let step = steps - 1; step >= 0; step--) {
    run(0, 0, step, step + 1);
    const place = backwards ? steps - 1 - step : step;
    const slopes = { at: heap.at(dz) + 4 * place * width, width: steps * width };
    multiplyInto(heap, slopes, weights, heap.at(dh), [batch, units, width], true);
  }
}

/** The inputs of all steps times their weights, plus bias: `[batch, steps, gates * units]`. */
export function project(heap: KernelHeap, { x, kernel, bias }: Inputs): tf.TensorInfo {
  const [batch, steps, inputs] = x.shape;
  const rows = { dataId: x.dataId, dtype: x.dtype, shape: [batch * steps, inputs] };
  const result = multiply(heap, rows, kernel, false, false, bias);
  return { ...result, shape: [batch, steps, kernel.shape[1]] };
}

export const codes = ({ activation, recurrentActivation }: CellAttributes) => [
  RECURRENT_ACTIVATIONS[activation],
  RECURRENT_ACTIVATIONS[recurrentActivation],
];

/** Disposes what only the gradient needs, or returns it. */
export function keepSaved(
  heap: KernelHeap,
  states: tf.TensorInfo[],
  saved: tf.TensorInfo[],
  sequence: tf.TensorInfo | undefined,
  { saves }: RecurrentAttributes,
): tf.TensorInfo[] {
  if (!saves) { for (const { dataId } of saved) heap.backend.disposeData(dataId); }
  return [...states, ...saves ? saved : [], ...sequence ? [sequence] : []];
}
