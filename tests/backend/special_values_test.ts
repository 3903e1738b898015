import { assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

/** NaN with and without the sign bit, which arithmetic makes and which is written. */
const nans = () => tf.tensor1d(new Float32Array(new Uint32Array([0xffc00000, 0x7fc00000]).buffer));

const image = () => nans().reshape([1, 1, 2, 1]).tile([1, 2, 1, 5]) as tf.Tensor4D;

/** Operations of which PyTorch's give NaN for NaN. */
const passing: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  relu: tf.relu,
  relu6: tf.relu6,
  leakyRelu: tf.leakyRelu,
  elu: tf.elu,
  selu: tf.selu,
  prelu: (x) => tf.prelu(x, tf.scalar(0.1)),
  sigmoid: tf.sigmoid,
  softplus: tf.softplus,
  tanh: tf.tanh,
  abs: tf.abs,
  clip: (x) => tf.clipByValue(x, 0, 1),
  "clip to one number": (x) => tf.clipByValue(x, 1, 1),
  "clip to one number, method": (x) => x.clipByValue(1, 1),
  "maximum, left": (x) => tf.maximum(x, 0),
  "maximum, right": (x) => tf.maximum(tf.zeros([3, 1]), x),
  "minimum, left": (x) => tf.minimum(x, tf.zeros([2])),
  "minimum, right": (x) => tf.minimum(0, x),
  max: (x) => tf.max(tf.concat([tf.zeros([5]), x, tf.zeros([7])])),
  min: (x) => tf.min(tf.concat([tf.zeros([5]), x, tf.zeros([7])])),
  sum: tf.sum,
  mean: tf.mean,
  prod: tf.prod,
  softmax: tf.softmax,
  "matMul and relu": (x) =>
    tf.fused.matMul({ a: x.reshape([2, 1]), b: tf.ones([1, 3]), activation: "relu" }),
  "matMul and relu6": (x) =>
    tf.fused.matMul({ a: x.reshape([2, 1]), b: tf.ones([1, 9]), activation: "relu6" }),
  "conv2d and relu": () =>
    tf.fused.conv2d({
      ...{ x: image(), filter: tf.ones([1, 1, 5, 2]) as tf.Tensor4D, strides: 1, pad: "same" },
      activation: "relu",
    }),
};

testOnBackends("NaN goes through every operation that does not ask for it", () => {
  for (const [name, compute] of Object.entries(passing)) {
    const result = [...compute(nans()).dataSync()];
    assertEquals(result.every(Number.isNaN), true, `${name} gives ${result}`);
  }
});

testOnBackends("max pooling does not hide NaN", (backend) => {
  if (backend === "cpu") return;
  for (const channels of [1, 4, 7]) {
    for (let at = 0; at < 9; at++) {
      const values = Array.from({ length: 9 * channels }, (_, i) => Math.cos(i));
      values.fill(NaN, at * channels, (at + 1) * channels);
      const x = tf.tensor4d(values, [1, 3, 3, channels]);
      const whole = tf.maxPool(x, 3, 1, "valid").dataSync();
      assertEquals([...whole].every(Number.isNaN), true, `place ${at}, ${channels} channels`);
      const corner = tf.maxPool(x, 2, 2, "valid").dataSync();
      const isIn = [0, 1, 3, 4].includes(at);
      assertEquals([...corner].every((value) => Number.isNaN(value) === isIn), true);
    }
  }
});

/** Functions that keep the sign of zero. */
const odd: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  ...{ asin: tf.asin, asinh: tf.asinh, atan: tf.atan, atanh: tf.atanh, ceil: tf.ceil },
  ...{ elu: tf.elu, erf: tf.erf, expm1: tf.expm1, floor: tf.floor, log1p: tf.log1p },
  ...{ round: tf.round, selu: tf.selu, sin: tf.sin, sinh: tf.sinh, sqrt: tf.sqrt },
  ...{ tan: tf.tan, tanh: tf.tanh, clone: tf.clone, prelu: (x) => tf.prelu(x, tf.scalar(0.1)) },
};

testOnBackends("odd functions keep the sign of zero", (backend) => {
  if (backend === "cpu") return;
  for (const [name, compute] of Object.entries(odd)) {
    // Nine elements: whole vectors, and a rest.
    const zeros = Array.from({ length: 9 }, (_, i) => i % 2 ? 0 : -0);
    const signs = [...compute(tf.tensor1d(zeros)).dataSync()].map((zero) => 1 / zero);
    assertEquals(signs, zeros.map((zero) => 1 / zero), name);
  }
});
