/**
 * The gradients of recurrent layers as sequences.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Gradients,
  isRecorded,
  pullBack,
  registerGradients,
  run,
  runAll,
} from "../gradients/gradient.ts";
import type { RecurrentAttributes } from "../kernels/recurrent.ts";
import type { CellKind } from "./stock_cells.ts";
import { type RecurrentInputs, unrollByOperations } from "./unroll_by_operations.ts";

const INPUTS = ["x", "kernel", "recurrentKernel", "bias", "h", "c", "mask", "dropout"] as const;
/** The inputs that have a slope. */
const SMOOTH = INPUTS.slice(0, 6) as (keyof RecurrentInputs)[];

/** Number of rows whose products are summed in floats. */
const LONG = 2 ** 15;

/** What each kernel saves behind the last states, in order. */
const SAVED: Record<CellKind["kernelName"], string[]> = {
  TrainchartLstm: ["gates", "previous", "cells", "activated"],
  TrainchartGru: ["gates", "previous", "reset"],
  TrainchartSimpleRnn: ["gates", "previous"],
};

/** Registers the gradients. */
export function registerRecurrentGradients(): void {
  for (const [kernelName, names] of Object.entries(SAVED)) {
    const states = kernelName === "TrainchartLstm" ? ["dh", "dc"] : ["dh"];
    const results = [...states.map(() => false), ...names.map(() => true)];
    registerGradients(kernelName, { inputs: [...INPUTS], results }, (dys, saved, attributes) => {
      const inputs = present(INPUTS, saved) as unknown as RecurrentInputs;
      const slopes = { ...present(states, dys) };
      if (attributes.sequence) slopes.dSequence = dys[results.length];
      if (isRecorded()) return pullBackSequence(kernelName, inputs, slopes, attributes);
      const kept = present(names, saved.slice(INPUTS.length));
      return slopesOf(kernelName, inputs, kept, slopes, attributes);
    });
  }
}

/** The tensors that are not missing, by name. */
function present(names: readonly string[], tensors: tf.Tensor[]): tf.NamedTensorMap {
  const entries = names.map((name, i): [string, tf.Tensor] => [name, tensors[i]]);
  return Object.fromEntries(entries.filter(([, tensor]) => tensor !== undefined));
}

function slopesOf(
  kernelName: string,
  { x, kernel, recurrentKernel, mask, dropout }: RecurrentInputs,
  kept: tf.NamedTensorMap,
  slopes: tf.NamedTensorMap,
  attributes: RecurrentAttributes,
): Gradients {
  const tensors = { ...kept, ...slopes, recurrentKernel, mask, dropout } as tf.NamedTensorMap;
  const [dz, dh, dc] = runAll(`${kernelName}Gradient`, tensors, attributes);
  const { previous, reset } = kept;
  const rows = (tensor: tf.Tensor) => tensor.reshape([-1, tensor.shape.at(-1)!]);
  return {
    x: () => tf.matMul(rows(dz), kernel, false, true).reshape(x.shape),
    kernel: () => tf.matMul(rows(x), rows(dz), true, false),
    recurrentKernel: () =>
      reset
        ? ofResetStates(rows(previous), rows(reset), rows(dz))
        : tf.matMul(rows(previous), rows(dz), true, false),
    bias: () => rows(dz).sum(0),
    h: () => dh,
    c: () => dc,
  };
}

/** The slopes of a GRU's weights: those of the new state were multiplied after the reset. */
function ofResetStates(previous: tf.Tensor, reset: tf.Tensor, dz: tf.Tensor): tf.Tensor {
  const [rows, units] = previous.shape;
  if (rows <= LONG) return run("TrainchartGruWeightGradient", { previous, reset, dz });
  const [gates, fresh] = tf.split(dz, [2 * units, units], 1);
  const parts = [[previous, gates], [reset, fresh]].map(([a, b]) => tf.matMul(a, b, true, false));
  return tf.concat(parts, 1);
}

/** The slopes as operations that have gradients themselves. */
function pullBackSequence(
  kernelName: string,
  inputs: RecurrentInputs,
  slopes: tf.NamedTensorMap,
  attributes: RecurrentAttributes,
): Gradients {
  const names = SMOOTH.filter((name) => inputs[name]);
  const join = (tensors: tf.Tensor[]) => tf.concat(tensors.map((tensor) => tensor.flatten()));
  const compute = (...tensors: tf.Tensor[]) => {
    const changed = { ...inputs, ...present(names, tensors) };
    return join(unrollByOperations(kernelName, changed, attributes));
  };
  const tensors = names.map((name) => inputs[name]!);
  const gradients = pullBack(compute, tensors, join(Object.values(slopes)));
  return Object.fromEntries(names.map((name, i) => [name, () => gradients[i]]));
}
