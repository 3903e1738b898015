/**
 * Gradients of functions of one number that tfjs computes in more passes than needed, or not as
 * PyTorch does at kinks; of softmax, of its logarithm, and of activations of one kernel. Losses of
 * elements.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { SELU } from "../kernel_constants.ts";
import { areFloats } from "../kernels/kernel.ts";
import type { ElementLossAttributes } from "../kernels/training.ts";
import type { Parameters, Unary, UnaryAttributes } from "../kernels/unary.ts";
import {
  type Attributes,
  hasKernel,
  isRecorded,
  pullBack,
  registerGradient,
  run,
  toFloat,
} from "./gradient.ts";

/** The gradient of a function times `dy`, made of operations. */
type Slope = (dy: tf.Tensor, s: tf.Tensor, attributes: Attributes) => tf.Tensor;

/**
 * Registers a gradient of one pass where the backend has our kernels.
 *
 * @param kernelName The function.
 * @param f Its name among our kernels.
 * @param from Whether the gradient is made of the input or of the result.
 * @param compose Computes the gradient on other backends, and in a form that has a gradient itself.
 * @param parametersOf Parameters of our kernel.
 */
function registerSlope(
  kernelName: string,
  f: Unary,
  from: "input" | "result",
  compose: Slope,
  parametersOf: (attributes: Attributes) => Parameters = () => ({}),
): void {
  const saved = from === "input" ? { inputs: ["x"] } : { results: [true] };
  registerGradient(kernelName, saved, (dy, [s], attributes) => ({
    x: () =>
      !isRecorded() && s.dtype === "float32" && hasKernel("TrainchartUnarySlope")
        ? run("TrainchartUnarySlope", { dy, s }, { f, ...parametersOf(attributes) })
        : compose(dy, toFloat(s), attributes),
  }));
}

/** Registers the gradients. */
export function registerUnary(): void {
  registerActivations();
  registerElementLosses();
  registerSlope("Abs", "ABS", "input", (dy, x) => dy.mul(x.sign()));
  registerSlope("Square", "SQUARE", "input", (dy, x) => dy.mul(x.mul(2)));
  registerSlope("Reciprocal", "RECIPROCAL", "result", (dy, y) => dy.mul(y.square()).neg());
  registerSlope("Sqrt", "SQRT", "result", (dy, y) => dy.div(y.mul(2)));
  registerSlope("Rsqrt", "RSQRT", "result", (dy, y) => dy.mul(-0.5).mul(y.mul(y.square())));
  registerSlope("Expm1", "EXPM1", "result", (dy, y) => dy.mul(y.add(1)));
  registerSlope("Log1p", "LOG1P", "input", (dy, x) => dy.div(x.add(1)));
  registerSlope("Sigmoid", "SIGMOID", "result", (dy, y) => dy.mul(y.mul(tf.sub(1, y))));
  registerSlope("Tanh", "TANH", "result", (dy, y) => dy.mul(tf.sub(1, y.square())));
  registerSlope("Sin", "SIN", "input", (dy, x) => dy.mul(x.cos()));
  registerSlope("Cos", "COS", "input", (dy, x) => dy.mul(x.sin()).neg());
  registerSlope("Softplus", "SOFTPLUS", "input", (dy, x) => dy.mul(x.sigmoid()));
  registerSlope("Erf", "ERF", "input", (dy, x) => {
    return dy.mul(2 / Math.sqrt(Math.PI)).mul(x.square().neg().exp());
  });
  registerSlope(
    "LeakyRelu",
    "LEAKY_RELU",
    "input",
    (dy, x, { alpha }) => dy.mul(x.step(alpha)),
    ({ alpha }) => ({ p: alpha }),
  );
  registerSlope(
    "Elu",
    "ELU",
    "result",
    (dy, y) => isRecorded() ? dy.mul(belowZero(y).add(1)) : run("EluGrad", { dy, y }),
    () => ({ p: 1, q: 1 }),
  );
  registerSlope(
    "Selu",
    "ELU",
    "result",
    (dy, y) => dy.mul(tf.where(y.greater(0), SELU.p, belowZero(y).add(SELU.q))),
    () => SELU,
  );
  registerSlope(
    "ClipByValue",
    "CLIP",
    "input",
    // The gradient passes where nothing was clipped.
    (dy, x, { clipValueMin, clipValueMax }) => {
      const isKept = x.greaterEqual(clipValueMin).logicalAnd(x.lessEqual(clipValueMax));
      return tf.where(isKept, dy, tf.zerosLike(dy));
    },
    ({ clipValueMin, clipValueMax }) => ({ p: clipValueMin, q: clipValueMax }),
  );
  registerGradient("Select", { inputs: ["condition"] }, (dy, [condition]) => ({
    // Not a product: a gradient that is not finite must not get to the side that was not taken.
    condition: () => tf.zeros(condition.shape),
    t: () => selectSlope(condition, dy, true),
    e: () => selectSlope(condition, dy, false),
  }));
  for (const [kernelName, activation] of [["Relu", "relu"], ["Relu6", "relu6"]]) {
    registerGradient(kernelName, { results: [true] }, (dy, [y]) => ({
      x: () => openWhere(dy, y, activation),
    }));
  }
  registerGradient("TrainchartActivationGradient", { inputs: ["y"] }, (ddx, [y], attributes) => ({
    dy: () => openWhere(ddx, y, attributes.activation),
    y: () => tf.zerosLike(y),
  }));
}

/** Results of an activation below 0, and NaN; else 0 with a gradient of 0: PyTorch's curvature at 0. */
function belowZero(y: tf.Tensor): tf.Tensor {
  return tf.where(y.greaterEqual(0), tf.zerosLike(y), y);
}

/** `dy` where a condition has a value, else 0. */
function selectSlope(condition: tf.Tensor, dy: tf.Tensor, value: boolean): tf.Tensor {
  const isSame = tf.util.arraysEqual(condition.shape, dy.shape);
  if (!isRecorded() && isSame && hasKernel("TrainchartSelectSlope")) {
    return run("TrainchartSelectSlope", { condition, [value ? "t" : "e"]: dy });
  }
  const zeros = tf.zerosLike(dy);
  return value ? tf.where(condition, dy, zeros) : tf.where(condition, zeros, dy);
}

/** `dy` where the result of an activation shows that it let the input through, as it does NaN. */
export function openWhere(dy: tf.Tensor, y: tf.Tensor, activation: string): tf.Tensor {
  if (hasKernel("TrainchartActivationGradient") && y.dtype === "float32") {
    return run("TrainchartActivationGradient", { dy, y }, { activation });
  }
  const isCut = y.lessEqual(0);
  const isFlat = activation === "relu6" ? isCut.logicalOr(y.greaterEqual(6)) : isCut;
  return tf.where(isFlat, tf.zerosLike(dy), dy);
}

function registerActivations(): void {
  registerGradient("Softmax", { results: [true] }, (dy, [y], { dim }) => ({
    logits: () => {
      if (!isRecorded() && hasKernel("TrainchartSoftmaxGradient")) {
        return run("TrainchartSoftmaxGradient", { dy, y });
      }
      return dy.sub(dy.mul(y).sum(dim, true)).mul(y);
    },
  }));
  registerGradient("TrainchartLogSoftmax", { results: [true] }, (dy, [y]) => ({
    logits: () =>
      isRecorded()
        ? dy.sub(dy.sum(-1, true).mul(y.exp()))
        : run("TrainchartLogSoftmaxGradient", { dy, y }),
  }));
  registerGradient("TrainchartActivation", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () => {
      const { f, p } = attributes as UnaryAttributes;
      return isRecorded()
        ? pullBack((x) => ACTIVATIONS[f]!(x, p), [x], dy)[0]
        : run("TrainchartUnarySlope", { dy, s: x }, attributes);
    },
  }));
}

/** Activations of one kernel, made of operations that have gradients of any order. */
export const ACTIVATIONS: Partial<Record<Unary, (x: tf.Tensor, p?: number) => tf.Tensor>> = {
  GELU: (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5)),
  GELU_TANH: (x) => {
    const inner = x.square().mul(0.044715).add(1).mul(x).mul(Math.sqrt(2 / Math.PI));
    return x.mul(inner.tanh().add(1).mul(0.5));
  },
  HARD_SIGMOID: (x) => x.mul(0.2).add(0.5).clipByValue(0, 1),
  MISH: (x) => x.mul(x.softplus().tanh()),
  SOFTSIGN: (x) => x.div(x.abs().add(1)),
  SWISH: (x, p = 1) => x.mul(x.mul(p).sigmoid()),
};

/** The gradients of a loss by predictions and by labels. */
type Slopes = (x: tf.Tensor, labels: tf.Tensor, p: number) => [() => tf.Tensor, () => tf.Tensor];

/** The gradients of losses, as operations that have gradients themselves. */
const ELEMENT_LOSSES: Record<ElementLossAttributes["f"], Slopes> = {
  SIGMOID_CROSS_ENTROPY: (x, t, p) => [
    () => tf.sub(1, t).sub(x.neg().sigmoid().mul(t.mul(p - 1).add(1))),
    () => x.neg().softplus().mul(p - 1).sub(x),
  ],
  HUBER: (x, t, p) => [
    () => x.sub(t).clipByValue(-p, p),
    () => t.sub(x).clipByValue(-p, p),
  ],
  LOG_LOSS: (x, t, p) => [
    () => tf.sub(1, t).div(tf.sub(1, x).add(p)).sub(t.div(x.add(p))),
    () => tf.sub(1, x).add(p).log().sub(x.add(p).log()),
  ],
  HINGE: (x, t) => {
    const open = (slope: () => tf.Tensor) => () => {
      const isOpen = t.mul(2).sub(1).mul(x).less(1);
      return tf.where(isOpen, slope(), tf.zerosLike(x));
    };
    return [open(() => tf.sub(1, t.mul(2))), open(() => x.mul(-2))];
  },
  CROSS_TERM: (x, t) => [
    () => t.neg(),
    () => tf.where(x.equal(-Infinity).logicalAnd(t.equal(0)), tf.zerosLike(x), x.neg()),
  ],
};

/**
 * The losses of predictions by one kernel, in their shape; `undefined` where the backend has none.
 *
 * @param f The loss.
 * @param x The predictions.
 * @param labels The labels, of the same shape.
 * @param p Delta, epsilon, or the weight of labels of 1. Default: 1.
 */
export function elementLosses(
  f: ElementLossAttributes["f"],
  x: tf.Tensor,
  labels: tf.Tensor,
  p = 1,
): tf.Tensor | undefined {
  if (!areFloats(x, labels) || !tf.util.arraysEqual(x.shape, labels.shape)) return;
  if (hasKernel("TrainchartElementLoss")) {
    return run("TrainchartElementLoss", { x, labels }, { f, p });
  }
}

function registerElementLosses(): void {
  registerGradient(
    "TrainchartElementLoss",
    { inputs: ["x", "labels"] },
    (dy, [x, labels], { f, p }: ElementLossAttributes) => {
      const [byPrediction, byLabel] = ELEMENT_LOSSES[f](x, labels, p);
      return {
        x: () =>
          isRecorded()
            ? dy.mul(byPrediction())
            : run("TrainchartElementLossSlope", { dy, x, labels }, { f, p }),
        labels: () => dy.mul(byLabel()),
      };
    },
  );
}
