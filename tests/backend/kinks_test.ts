import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { crossEntropy } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import entries from "./torch_gradients.generated.json" with { type: "json" };

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor;

const labels = [0, 1, 1, 0];

function resized(
  resize: typeof tf.image.resizeBilinear,
  size: [number, number],
  alignCorners: boolean,
  halfPixelCenters: boolean,
): Compute {
  return (x) => {
    const image = x.reshape([1, ...x.shape, 1]) as tf.Tensor4D;
    const y = resize(image, size, alignCorners, halfPixelCenters);
    return y.mul(tf.range(0, y.size).reshape(y.shape));
  };
}

/** The functions of `scripts/torch_gradients.py`, by the names there. */
const functions: Record<string, Compute> = {
  abs: tf.abs,
  relu: tf.relu,
  relu6: tf.relu6,
  "relu of NaN": tf.relu,
  "relu6 of NaN": tf.relu6,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
  prelu: tf.prelu,
  elu: tf.elu,
  selu: tf.selu,
  clip: (x) => x.clipByValue(-1, 1),
  "clip to one number": (x) => x.clipByValue(1, 1),
  softplus: tf.softplus,
  logSigmoid: tf.logSigmoid,
  floor: tf.floor,
  ceil: tf.ceil,
  round: tf.round,
  sign: tf.sign,
  greater: (x) => x.greater(0).toFloat(),
  toInteger: (x) => x.toInt().toFloat(),
  toIntegerAndBack: (x) => x.toInt().toFloat().mul(x),
  argMax: (x) => x.argMax().toFloat(),
  sqrt: tf.sqrt,
  "square root of a square": (x) => x.square().sqrt(),
  maximum: tf.maximum,
  minimum: tf.minimum,
  "maximum of NaN": tf.maximum,
  "minimum of NaN": tf.minimum,
  "acos of a maximum": (x, y) => tf.maximum(x, y).acos(),
  "cosh of a minimum": (x, y) => tf.minimum(x, y).cosh(),
  "maximum with a number": tf.maximum,
  max: (x) => x.max(),
  min: (x) => x.min(),
  "max over rows": (x) => x.max(1),
  "max over columns": (x) => x.max(0),
  "min over all": (x) => x.min([0, 1]),
  "max of equal tokens": (x) => x.gather(tf.tensor1d([1, 1, 2], "int32")).max(),
  "norm 1": (x) => tf.norm(x, 1),
  "norm 1 of a tie": (x) => tf.norm(x, 1),
  "norm 2": (x) => tf.norm(x, 2),
  "norm 2 of a tie": (x) => tf.norm(x, 2),
  "norm inf": (x) => tf.norm(x, Infinity),
  "norm inf of a tie": (x) => tf.norm(x, Infinity),
  "norm of rows": (x) => tf.norm(x, 2, 1),
  "norm of a matrix": (x) => tf.norm(x, "fro", [0, 1]),
  pow: tf.pow,
  "pow of a negative number": (x) => x.pow(2),
  floorDiv: tf.floorDiv,
  mod: tf.mod,
  "mod of a rounded quotient": tf.mod,
  "step of a root": (x) => x.sqrt().step().add(x),
  atan2: tf.atan2,
  where: (x, y) => tf.where([true, false], x, y),
  "where of infinite gradients": (x) => tf.where(x.greater(0), x, 1),
  "logSigmoid of a square": (x) => tf.logSigmoid(x.square()),
  prod: (x) => x.prod(),
  "prod of two zeros": (x) => x.prod(),
  cumprod: (x) => x.cumprod(0),
  topk: (x) => tf.topk(x, 2).values,
  maxPool: (x) => tf.maxPool(x.reshape([1, 1, -1, 1]) as tf.Tensor4D, [1, 2], [1, 2], "valid"),
  logSumExp: (x) => x.logSumExp(),
  "resizeBilinear, half pixel centers": resized(tf.image.resizeBilinear, [4, 4], false, true),
  "resizeBilinear, half pixel centers, odd": resized(tf.image.resizeBilinear, [5, 3], false, true),
  "resizeBilinear, aligned corners": resized(tf.image.resizeBilinear, [4, 4], true, false),
  "resizeNearestNeighbor, half pixel centers": resized(
    tf.image.resizeNearestNeighbor,
    [4, 6],
    false,
    true,
  ),
  resizeNearestNeighbor: resized(tf.image.resizeNearestNeighbor, [4, 6], false, false),
  sigmoidCrossEntropy: (x) => tf.losses.sigmoidCrossEntropy(labels, x),
  absoluteDifference: (x) => tf.losses.absoluteDifference(labels, x),
  huberLoss: (x) => tf.losses.huberLoss(labels, x),
  hingeLoss: (x) => tf.losses.hingeLoss(labels, x),
  "crossEntropy of masked classes": (x) => crossEntropy(x, tf.tensor1d([0], "int32")),
  "averagePooling, same": (x) =>
    tf.avgPool(x.reshape([1, 3, 3, 1]) as tf.Tensor4D, 3, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
};

Deno.test("every function that PyTorch was asked about is compared", () => {
  assertEquals(Object.keys(functions).sort(), entries.map(({ name }) => name).sort());
});

for (const { name, inputs, gradients } of entries) {
  testOnBackends(`the gradient of ${name} is PyTorch's at kinks`, () => {
    const tensors = (inputs as [number[], (number | string)[]][]).map(([shape, values]) =>
      tf.tensor(values.map(Number), shape, "float32")
    );
    const slopes = tf.grads((...xs: tf.Tensor[]) => functions[name](...xs).sum())(tensors);
    slopes.forEach((slope, input) => {
      const actual = slope.dataSync();
      (gradients[input] as (number | string)[]).map(Number).forEach((expected, i) => {
        const label = `gradient ${i} by input ${input}: ${actual[i]}, not ${expected}`;
        if (Number.isFinite(expected)) assertAlmostEquals(actual[i], expected, 1e-4, label);
        else assert(Object.is(actual[i], expected), label);
      });
    });
  });
}

testOnBackends("what has no smooth part at all has the gradient 0, not an error", () => {
  const x = tf.tensor1d([-1, 0, 2]);
  for (
    const compute of [
      (x: tf.Tensor) => x.greater(0).toFloat().sum(),
      (x: tf.Tensor) => x.toInt().sum().toFloat(),
      (x: tf.Tensor) => tf.oneHot(x.argMax(), 3).sum().toFloat(),
      (x: tf.Tensor) => tf.where(x.less(1), 1, 0).mean(),
    ]
  ) {
    assertEquals([...tf.grad(compute)(x).dataSync()], [0, 0, 0]);
  }
  // Without a connection there is still none.
  let message = "";
  try {
    tf.grad(() => tf.scalar(1))(x);
  } catch (error) {
    message = (error as Error).message;
  }
  assert(message.includes("no operation leads from"), message);
});

testOnBackends("a comparison does not pass NaN on from what it compares", () => {
  // The root has an infinite gradient at 0: times the gradient 0 of the comparison, that were NaN.
  const slope = tf.grad((x: tf.Tensor) => tf.where(x.sqrt().greater(1), x, x.mul(2)).sum());
  assertEquals([...slope(tf.tensor1d([0, 4])).dataSync()], [2, 1]);
});
