/**
 * Gated recurrent units as sequences.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import type { Inputs, KernelTable } from "./kernel.ts";
import {
  addressesOf,
  type Block,
  codes,
  isByStep,
  keepSaved,
  multiplyInto,
  packWeights,
  project,
  type RecurrentAttributes,
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

/** Results: slopes of the gates before their activations, and of the first states. */
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

/** The kernels of gated recurrent units. */
export const GRU_KERNELS: KernelTable = {
  TrainchartGru: gru,
  TrainchartGruGradient: gruGradient,
  TrainchartGruWeightGradient: gruWeightGradient,
};
