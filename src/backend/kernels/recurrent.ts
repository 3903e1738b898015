/**
 * The kernels of recurrent layers: LSTM, GRU and simple RNN, their gradients and their single steps.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import {
  addressesOf,
  type Block,
  type CellAttributes,
  codes,
  isByStep,
  keepSaved,
  multiplyInto,
  packWeights,
  project,
  type RecurrentAttributes,
  runBackward,
  runForward,
  runSequence,
  sizesOf,
} from "./recurrent_steps.ts";

/** The parts of a step of a GRU, as `assembly/gru.ts` numbers them. */
const Part = { All: 0, Before: 1, Behind: 2 } as const;

/** Runs a part of the steps from one to another, with these weights and this other memory. */
type RunGru = (
  part: number,
  weights: [both: number, fresh: number],
  memory: number[],
  first: number,
  end: number,
) => void;

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
  const run: RunGru = (part, [weights, newWeights], [rest, product], first, end) => {
    const args = [
      ...[heap.at(gates), weights, newWeights],
      ...addressesOf(heap, h, lastH, previous, reset, states, mask, dropout),
      ...[rest, product, steps, units, Number(backwards), Number(saves), ...codes(attributes)],
      ...[part, first, end],
    ];
    runSequence(heap, "gru", args, sizes, 3, weights ? steps : 0);
  };
  if (isByStep(heap, sizes, 3, inputs)) {
    const product = heap.output([batch, 2 * units]), to = heap.at(product);
    const width = 3 * units, weights = { at: heap.at(recurrentKernel), width };
    const newWeights = { at: weights.at + 8 * units, width };
    for (let step = 0; step < steps; step++) {
      const before = step > 0 ? lastH : h;
      if (before) {
        const matrix = { at: heap.at(before), width: units };
        multiplyInto(heap, matrix, weights, to, [batch, 2 * units, units], false);
      } else heap.run("fill", [heap.at(product), 2 * batch * units, 4, 0]);
      run(Part.Before, [0, 0], [0, to], step, step + 1);
      const place = saves ? backwards ? steps - 1 - step : step : 0;
      const matrix = {
        at: heap.at(reset) + 4 * place * units,
        width: saves ? steps * units : units,
      };
      multiplyInto(heap, matrix, newWeights, to, [batch, units, units], false);
      run(Part.Behind, [0, 0], [0, to], step, step + 1);
    }
    heap.backend.disposeData(product.dataId);
  } else {
    const [weights, newWeights, rest] = packWeights(
      heap,
      recurrentKernel,
      gruBlocks(units),
      false,
      batch * units,
    );
    run(Part.All, [weights, newWeights], [rest, 0], 0, steps);
  }
  return keepSaved(heap, [lastH], [gates, previous, reset], states, attributes);
}

/** Results: gradients of the gates before their activations, and of the first states. */
function gruGradient(heap: KernelHeap, inputs: Inputs, attributes: RecurrentAttributes) {
  const { dSequence, dh, gates, previous, recurrentKernel, mask, dropout } = inputs;
  const sizes = sizesOf(gates, recurrentKernel), { batch, steps, units } = sizes;
  const dz = heap.output(gates.shape), dFirstH = heap.output([batch, units]);
  const { backwards } = attributes;
  const run: RunGru = (part, [weights, newWeights], [rest, dReset, product], first, end) => {
    const args = [
      ...addressesOf(heap, dSequence, dh, gates, previous),
      ...[weights, newWeights, ...addressesOf(heap, mask, dropout), rest, dReset, product],
      ...addressesOf(heap, dz, dFirstH),
      ...[steps, units, Number(backwards), ...codes(attributes), part, first, end],
    ];
    runSequence(heap, "gruGradient", args, sizes, 3, weights ? steps : 0);
  };
  if (isByStep(heap, sizes, 3, inputs)) {
    const results = heap.output([2, batch, units]);
    const dReset = heap.at(results), product = dReset + 4 * batch * units;
    const width = 3 * units, weights = { at: heap.at(recurrentKernel), width };
    const newWeights = { at: weights.at + 8 * units, width };
    for (let step = steps - 1; step >= 0; step--) {
      run(Part.Before, [0, 0], [0, dReset, step < steps - 1 ? product : 0], step, step + 1);
      const place = backwards ? steps - 1 - step : step;
      const slopes = { at: heap.at(dz) + 4 * place * width, width: steps * width };
      const fresh = { ...slopes, at: slopes.at + 8 * units };
      multiplyInto(heap, fresh, newWeights, dReset, [batch, units, units], true);
      run(Part.Behind, [0, 0], [0, dReset, 0], step, step + 1);
      multiplyInto(heap, slopes, weights, product, [batch, units, 2 * units], true);
    }
    run(Part.Before, [0, 0], [0, dReset, product], 0, 0);
    heap.backend.disposeData(results.dataId);
  } else {
    const size = batch * units;
    const [weights, newWeights, rest] = packWeights(
      heap,
      recurrentKernel,
      gruBlocks(units),
      true,
      2 * size,
    );
    run(Part.All, [weights, newWeights], [rest, rest + 4 * size, 0], 0, steps);
  }
  return [dz, dFirstH];
}

/**
 * The gradients of the weights of the states; those of the new state were multiplied after the
 * reset.
 */
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

/** The kernels of gated recurrent units. */
const GRU_KERNELS: KernelTable = {
  TrainchartGru: gru,
  TrainchartGruGradient: gruGradient,
  TrainchartGruWeightGradient: gruWeightGradient,
};

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

/**
 * Results: gradients of the gates before their activations, of the first states and first cells.
 */
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

/** Results: gradients of the gates before their activations, and of the cells before the step. */
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

/** Results: gradients of the new states before their activation, and of the first states. */
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
