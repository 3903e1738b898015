/**
 * Recurrent layers, step by step and by operations that have gradients: what a gradient within a
 * gradient is made of.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { RecurrentActivation, RecurrentAttributes } from "../kernels/recurrent.ts";

/** The tensors of a recurrent layer, by name. */
export interface RecurrentInputs {
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

const STEPS: Record<string, Step> = {
  TrainchartLstm: (projected, [, c], dropped, weights, { activation, recurrentActivation }) => {
    const [act, gate] = [ACTIVATIONS[activation], ACTIVATIONS[recurrentActivation]];
    const [i, f, g, o] = tf.split(projected.add(tf.matMul(dropped, weights)), 4, 1);
    const cell = gate(f).mul(c).add(gate(i).mul(act(g)));
    return [gate(o).mul(act(cell)), cell];
  },
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

/** The last states, and the sequence of states if it is a result. */
export function unrollByOperations(
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
