/**
 * Recurrent layers as sequences: one call for all steps, and one for all steps of the gradient.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { GRU_KERNELS } from "./gru.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import {
  addressesOf,
  type CellAttributes,
  codes,
  keepSaved,
  project,
  type RecurrentAttributes,
  runBackward,
  runForward,
  runSequence,
  sizesOf,
} from "./recurrent_steps.ts";

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
  runForward(heap, inputs, sizes, 4, lastH, (weights, product, first, end) => {
    const args = [
      ...[heap.at(gates), weights, ...addressesOf(heap, h, c, lastH, lastC, previous)],
      ...addressesOf(heap, cells, activated, states, mask, dropout),
      ...[product, steps, units, Number(backwards), Number(saves), ...codes(attributes)],
      ...[first, end],
    ];
    runSequence(heap, "lstm", args, sizes, 4, weights ? steps : 0);
  });
  const saved = [gates, previous, cells, activated].filter((tensor) => tensor !== undefined);
  return keepSaved(heap, [lastH, lastC], saved, states, attributes);
}

/** Results: slopes of the gates before their activations, of the first states and first cells. */
function lstmGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, dc, gates, cells, activated, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape);
  const [dFirstH, dFirstC] = [0, 1].map(() => heap.output([batch, units]));
  const { backwards } = attributes;
  runBackward(heap, inputs, sizes, backwards, dz, dFirstH, (weights, rest, first, end) => {
    const args = [
      ...addressesOf(heap, dSequence, dh, dc, gates, cells, activated),
      ...[weights, ...addressesOf(heap, mask, dropout), rest],
      ...addressesOf(heap, dz, dFirstH, dFirstC),
      ...[steps, units, Number(backwards), ...codes(attributes), first, end],
    ];
    runSequence(heap, "lstmGradient", args, sizes, 4, weights ? steps : 0);
  });
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
  runForward(heap, inputs, sizes, 1, lastH, (weights, product, first, end) => {
    const args = [
      ...[heap.at(gates), weights],
      ...addressesOf(heap, h, lastH, previous, states, mask, dropout),
      ...[product, steps, units, Number(backwards), Number(saves), codes(attributes)[0]],
      ...[first, end],
    ];
    runSequence(heap, "simpleRnn", args, sizes, 1, weights ? steps : 0);
  });
  return keepSaved(heap, [lastH], [gates, previous], states, attributes);
}

/** Results: slopes of the new states before their activation, and of the first states. */
function simpleRnnGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, gates, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape), dFirstH = heap.output([batch, units]);
  const { backwards } = attributes;
  runBackward(heap, inputs, sizes, backwards, dz, dFirstH, (weights, rest, first, end) => {
    const args = [
      ...[...addressesOf(heap, dSequence, dh, gates), weights],
      ...[...addressesOf(heap, mask, dropout), rest, ...addressesOf(heap, dz, dFirstH)],
      ...[steps, units, Number(backwards), codes(attributes)[0], first, end],
    ];
    runSequence(heap, "simpleRnnGradient", args, sizes, 1, weights ? steps : 0);
  });
  return [dz, dFirstH];
}

/** The kernels of recurrent layers. */
export const RECURRENT_KERNELS: KernelTable = {
  TrainchartLstm: lstm,
  TrainchartLstmGradient: lstmGradient,
  TrainchartLstmCell: lstmCell,
  TrainchartLstmCellGradient: lstmCellGradient,
  ...GRU_KERNELS,
  TrainchartSimpleRnn: simpleRnn,
  TrainchartSimpleRnnGradient: simpleRnnGradient,
};
