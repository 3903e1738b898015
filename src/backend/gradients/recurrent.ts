/**
 * The gradients of recurrent layers as sequences.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type {
  CellAttributes,
  RecurrentActivation,
  RecurrentAttributes,
} from "../kernels/recurrent_steps.ts";
import {
  type Gradients,
  isRecorded,
  pullBack,
  registerGradients,
  run,
  runAll,
} from "./gradient.ts";

/** The tensors of a recurrent layer, by name. */
interface RecurrentInputs {
  /** `[batch, steps, inputs]`. */
  x: tf.Tensor;
  /** `[inputs, gates * units]`. */
  kernel: tf.Tensor;
  /** `[units, gates * units]`. */
  recurrentKernel: tf.Tensor;
  /** `[gates * units]`. */
  bias?: tf.Tensor;
  /** The first states, `[batch, units]`. Default: zeros. */
  h?: tf.Tensor;
  /** The first cells of an LSTM, `[batch, units]`. Default: zeros. */
  c?: tf.Tensor;
  /** `[batch, steps]`: 0 for steps that are left out, else 1. */
  mask?: tf.Tensor;
  /** Factors of the states, `[batch, units]`. */
  dropout?: tf.Tensor;
}

const INPUTS = ["x", "kernel", "recurrentKernel", "bias", "h", "c", "mask", "dropout"] as const;
/** The inputs that have a gradient. */
const SMOOTH = INPUTS.slice(0, 6) as (keyof RecurrentInputs)[];

/** Number of rows whose products are summed in floats. */
const LONG = 2 ** 15;

/** Tensors that each kernel saves behind the last states, in order. */
const SAVED: Record<string, string[]> = {
  TrainchartLstm: ["gates", "previous", "cells", "activated"],
  TrainchartGru: ["gates", "previous", "reset"],
  TrainchartSimpleRnn: ["gates", "previous"],
};

/** Registers the gradients. */
export function registerRecurrent(): void {
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
  const saved = { inputs: ["x", "product", "c"], results: [false, false, true, true] };
  registerGradients("TrainchartLstmCell", saved, slopesOfCell);
}

function slopesOfCell(
  [dh, dc]: tf.Tensor[],
  [x, product, c, gates, activated]: tf.Tensor[],
  attributes: CellAttributes,
): Gradients {
  let dz: tf.Tensor, dPrevious: tf.Tensor;
  if (isRecorded()) {
    const compute = (sums: tf.Tensor, c: tf.Tensor) =>
      tf.stack(computeLstmCell(sums, c, attributes));
    [dz, dPrevious] = pullBack(compute, [x.add(product), c], tf.stack([dh, dc]));
  } else {
    const tensors = { dh, dc, gates, c, activated };
    [dz, dPrevious] = runAll("TrainchartLstmCellGradient", tensors, attributes);
  }
  return { x: () => dz, product: () => dz.clone(), c: () => dPrevious };
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

/** The gradients of a GRU's weights: those of the new state were multiplied after the reset. */
function ofResetStates(previous: tf.Tensor, reset: tf.Tensor, dz: tf.Tensor): tf.Tensor {
  const [rows, units] = previous.shape;
  if (rows <= LONG) return run("TrainchartGruWeightGradient", { previous, reset, dz });
  const [gates, fresh] = tf.split(dz, [2 * units, units], 1);
  const parts = [[previous, gates], [reset, fresh]].map(([a, b]) => tf.matMul(a, b, true, false));
  return tf.concat(parts, 1);
}

/** The gradients as operations that have gradients themselves. */
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

/** Computes the states after a step of the state before, with and without dropout. */
type Step = (
  projected: tf.Tensor,
  states: tf.Tensor[],
  dropped: tf.Tensor,
  weights: tf.Tensor,
  attributes: RecurrentAttributes,
) => tf.Tensor[];

const ACTIVATIONS: Record<RecurrentActivation, (x: tf.Tensor) => tf.Tensor> = {
  linear: (x) => x,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.minimum(6, tf.relu(x)),
  sigmoid: (x) => tf.sigmoid(x),
  hardSigmoid: (x) => tf.clipByValue(tf.add(0.5, tf.mul(0.2, x)), 0, 1),
  tanh: (x) => tf.tanh(x),
};

/** The state and the cell after a step, of the sums of the gates and the cell before. */
function computeLstmCell(
  sums: tf.Tensor,
  c: tf.Tensor,
  { activation, recurrentActivation }: CellAttributes,
): tf.Tensor[] {
  const [act, gate] = [ACTIVATIONS[activation], ACTIVATIONS[recurrentActivation]];
  const [i, f, g, o] = tf.split(sums, 4, -1);
  const cell = gate(f).mul(c).add(gate(i).mul(act(g)));
  return [gate(o).mul(act(cell)), cell];
}

const STEPS: Record<string, Step> = {
  TrainchartLstm: (projected, [, c], dropped, weights, attributes) =>
    computeLstmCell(projected.add(tf.matMul(dropped, weights)), c, attributes),
  TrainchartGru: (projected, _, dropped, weights, { activation, recurrentActivation }) => {
    const [act, gate] = [ACTIVATIONS[activation], ACTIVATIONS[recurrentActivation]];
    const units = weights.shape[0];
    const [both, fresh] = tf.split(weights, [2 * units, units], 1);
    const [projectedGates, projectedNew] = tf.split(projected, [2 * units, units], 1);
    const [z, r] = tf.split(gate(projectedGates.add(tf.matMul(dropped, both))), 2, 1);
    const n = act(projectedNew.add(tf.matMul(r.mul(dropped), fresh)));
    return [z.mul(dropped).add(tf.sub(1, z).mul(n))];
  },
  TrainchartSimpleRnn: (projected, _, dropped, weights, { activation }) => [
    ACTIVATIONS[activation](projected.add(tf.matMul(dropped, weights))),
  ],
};

/**
 * The last states, and the sequence of states if it is a result: step by step, by operations that
 * have gradients.
 */
function unrollByOperations(
  kernelName: string,
  { x, kernel, recurrentKernel, bias, h, c, mask, dropout }: RecurrentInputs,
  attributes: RecurrentAttributes,
): tf.Tensor[] {
  const [batch, steps, inputs] = x.shape, units = recurrentKernel.shape[0];
  const product = tf.matMul(x.reshape([batch * steps, inputs]), kernel);
  const projected = (bias ? product.add(bias) : product).reshape([batch, steps, -1]);
  const zeros = () => tf.zeros([batch, units]);
  let states = kernelName === "TrainchartLstm" ? [h ?? zeros(), c ?? zeros()] : [h ?? zeros()];
  const all: tf.Tensor[] = [];
  for (let s = 0; s < steps; s++) {
    const t = attributes.backwards ? steps - 1 - s : s;
    const input = projected.slice([0, t, 0], [batch, 1, -1]).reshape([batch, -1]);
    const dropped = dropout ? states[0].mul(dropout) : states[0];
    const next = STEPS[kernelName](input, states, dropped, recurrentKernel, attributes);
    const share = mask?.slice([0, t], [batch, 1]);
    states = share
      ? next.map((state, i) => state.mul(share).add(states[i].mul(tf.sub(1, share))))
      : next;
    all.push(states[0]);
  }
  return attributes.sequence ? [...states, tf.stack(all, 1)] : states;
}
