import { tf } from "../deps/tfjs.ts";
import { engineOf } from "./gradients/engine.ts";
import { registerArithmetic } from "./gradients/arithmetic.ts";
import { registerAxes } from "./gradients/axes.ts";
import { registerConvolutions, registerPools } from "./gradients/convolutions.ts";
import { registerGather } from "./gradients/gather.ts";
import { registerImages } from "./gradients/images.ts";
import { registerNormalization } from "./gradients/normalization.ts";
import { fixTape } from "./gradients/tape.ts";
import { registerUnary } from "./gradients/unary.ts";
import { fixKernelCalls } from "./fix_kernel_calls.ts";

/** Repairs tfjs's core: gradients, fused operations in training, paddings, sums, and optimizers. */
export function fixCore(): void {
  registerGradients();
  fixClip();
  fixBroadcast();
  fixNorm();
  fixBandPart();
  fixFused();
  fixKernelCalls();
  fixOptimizers();
}

/**
 * Makes `tf.clipByValue` read its input where both bounds are one: NaN stays, and there are
 * gradients.
 */
function fixClip(): void {
  replace("clipByValue", (stock) =>
    function clipByValue(x, min, max) {
      if (min !== max) return stock(x, min, max);
      const tensor = x instanceof tf.Tensor ? x : tf.tensor(x as tf.TensorLike);
      const attributes = { clipValueMin: min, clipValueMax: max };
      return tf.engine().runKernel("ClipByValue", { x: tensor }, attributes as never);
    } as typeof stock);
}

/** Makes `tf.broadcastTo` repeat one element zero times, too. */
function fixBroadcast(): void {
  replace("broadcastTo", (stock) =>
    function broadcastTo(x, shape) {
      if (!(shape as number[]).includes(0)) return stock(x, shape);
      return tf.tidy(() => {
        const tensor = x instanceof tf.Tensor ? x : tf.tensor(x as tf.TensorLike);
        const isEmptied = (shape as number[]).map((size, axis) =>
          size === 0 && (tensor.shape.at(axis - shape.length) ?? 1) === 1
        );
        const ones = (shape as number[]).map((size, axis) => isEmptied[axis] ? 1 : size);
        return stock(tensor, ones as never).tile(isEmptied.map((is) => is ? 0 : 1));
      });
    } as typeof stock);
}

/**
 * Makes Euclidean norms roots of sums of squares.
 *
 * tfjs squares absolute values: at 0 their gradient is 0, so that of the norm's gradient is 0, too.
 */
function fixNorm(): void {
  replace(
    "norm",
    (stock) =>
      function norm(x, order = "euclidean", axis = null as never, keepDims = false) {
        const tensor = x instanceof tf.Tensor ? x : undefined;
        const isVector = !Array.isArray(axis) || axis.length === 1;
        const isEuclidean = order === 2 || order === "euclidean";
        if (!tensor?.rank || tensor.dtype !== "float32" || !isVector || !isEuclidean) {
          return stock(x, order, axis, keepDims);
        }
        // The name tells the root that its gradient at 0 is 0.
        return engineOf().tidy(
          "norm__op",
          () => tensor.square().sum(axis ?? undefined, keepDims).sqrt(),
        );
      } as typeof stock,
  );
  // tfjs binds it to its own norm.
  replace("euclideanNorm", () =>
    function euclideanNorm(x, axis, keepDims) {
      return tf.norm(x, "euclidean", axis, keepDims);
    });
}

/** Makes `tf.linalg.bandPart` accept matrices without elements. */
function fixBandPart(): void {
  const linalg = tf.linalg as { bandPart: typeof tf.linalg.bandPart };
  const { bandPart } = linalg;
  linalg.bandPart = function (x, lower, upper) {
    const isEmpty = x instanceof tf.Tensor && x.size === 0 && x.rank > 1;
    return isEmpty ? x.clone() : bandPart(x, lower, upper);
  };
}

/** Replaces a function of `tf`, and the method of tensors that has its name. */
function replace<Name extends "broadcastTo" | "clipByValue" | "euclideanNorm" | "norm">(
  name: Name,
  make: (stock: typeof tf[Name]) => typeof tf[Name],
): void {
  const replaced = make(tf[name]);
  (tf as Record<Name, typeof replaced>)[name] = replaced;
  (tf.Tensor.prototype as Record<Name, unknown>)[name] = function method(
    this: tf.Tensor,
    ...args: never[]
  ) {
    (this as unknown as { throwIfDisposed(): void }).throwIfDisposed();
    return (replaced as (...args: unknown[]) => unknown)(this, ...args);
  };
}

type MatMul = typeof tf.fused.matMul;
type Conv2D = typeof tf.fused.conv2d;
type DepthwiseConv2D = typeof tf.fused.depthwiseConv2d;

/** Options of a fused operation for the steps after its product. */
interface Finish {
  bias?: tf.Tensor | tf.TensorLike;
  activation?: string | null;
  preluActivationWeights?: tf.Tensor;
  leakyreluAlpha?: number;
  dataFormat?: "NHWC" | "NCHW";
}

/**
 * Makes `tf.fused` run its parts one by one while a gradient is taken.
 *
 * tfjs does so for some activations only. For the others, its gradient refuses dilations and
 * channels that come first, and cannot be differentiated itself.
 *
 * A bundler for browsers binds the layers to tfjs's own functions: those stay as they are.
 */
function fixFused(): void {
  const fused = tf.fused as { matMul: MatMul; conv2d: Conv2D; depthwiseConv2d: DepthwiseConv2D };
  if (!Object.getOwnPropertyDescriptor(fused, "matMul")?.writable) return;
  const { matMul, conv2d, depthwiseConv2d } = fused;
  fused.matMul = function fusedMatMul(call) {
    const { a, b, transposeA, transposeB } = call;
    // tfjs loses the shapes of batches before it multiplies them.
    const [batchA, batchB] = [a, b].map((x) => x instanceof tf.Tensor ? x.shape.slice(0, -2) : []);
    const isEven = batchA.join() === batchB.join();
    if (isEven && !isRecorded()) return matMul(call);
    return finish(tf.matMul(a, b, transposeA, transposeB), call);
  };
  fused.conv2d = function fusedConv2d(call) {
    if (!isRecorded()) return conv2d(call);
    const { x, filter, strides, pad, dataFormat, dilations, dimRoundingMode } = call;
    return finish(tf.conv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode), call);
  };
  fused.depthwiseConv2d = function fusedDepthwiseConv2d(call) {
    if (!isRecorded()) return depthwiseConv2d(call);
    const { x, filter, strides, pad, dataFormat, dilations, dimRoundingMode } = call;
    return finish(
      tf.depthwiseConv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode),
      call,
    );
  };
}

function isRecorded(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/** Adds the bias, and applies the activation. */
function finish<T extends tf.Tensor>(product: T, call: Finish): T {
  const { bias, preluActivationWeights: alpha, leakyreluAlpha } = call;
  // The layers pass null for no activation.
  const activation = call.activation || "linear";
  const perChannel = (x: tf.Tensor): tf.Tensor =>
    call.dataFormat === "NCHW" && x.rank === 1 ? x.reshape([-1, 1, 1]) : x;
  const y: tf.Tensor = bias == null
    ? product
    : product.add(perChannel(bias instanceof tf.Tensor ? bias : tf.tensor(bias)));
  const activations: Record<string, () => tf.Tensor> = {
    linear: () => y,
    relu: () => y.relu(),
    relu6: () => y.relu6(),
    elu: () => y.elu(),
    sigmoid: () => y.sigmoid(),
    leakyrelu: () => tf.leakyRelu(y, leakyreluAlpha),
    prelu: () => y.prelu(perChannel(alpha!)),
  };
  if (!(activation in activations)) throw new Error(`Unknown fused activation ${activation}.`);
  return activations[activation]() as T;
}

/** A variable of an optimizer, and the name under which it is saved. */
interface Slot {
  originalName: string;
  variable: tf.Variable;
}

/** The properties of `tf.train.rmsprop`, which are private for TypeScript. */
interface StockRmsprop {
  readonly learningRate: number;
  readonly decay: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly centered: boolean;
  readonly accumulatedMeanSquares: Slot[];
  readonly accumulatedMoments: Slot[];
  readonly accumulatedMeanGrads: Slot[];
  incrementIterations(): void;
}

type Gradients = tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null }[];

/** The properties of `tf.train.momentum`, which are private for TypeScript. */
interface StockMomentum {
  momentum: number;
  /** The momentum as a tensor, with which an update computes. */
  m: tf.Scalar;
}

/** Repairs optimizers of `tf.train`. */
function fixOptimizers(): void {
  fixMomentum();
  fixRmsprop();
}

/** Makes `setMomentum()` of `tf.train.momentum` act on the next update. */
function fixMomentum(): void {
  tf.MomentumOptimizer.prototype.setMomentum = function (momentum) {
    const optimizer = this as unknown as StockMomentum;
    optimizer.momentum = momentum;
    optimizer.m.dispose();
    optimizer.m = tf.keep(tf.scalar(momentum));
  };
}

/**
 * Makes `tf.train.rmsprop` with `centered` add epsilon to the variance of the gradient.
 *
 * tfjs subtracts it, so that a gradient of zero makes the weight NaN.
 */
function fixRmsprop(): void {
  const { prototype } = tf.RMSPropOptimizer;
  const { applyGradients } = prototype;
  prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
    const optimizer = this as unknown as StockRmsprop;
    if (!optimizer.centered) return applyGradients.call(this as never, gradients as never);
    const entries = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    entries.forEach(({ name, tensor }, i) => update(optimizer, i, name, tensor));
    optimizer.incrementIterations();
  };
}

function update(
  optimizer: StockRmsprop,
  index: number,
  name: string,
  gradient: tf.Tensor | null,
): void {
  const { learningRate, decay, momentum, epsilon } = optimizer;
  const value = tf.engine().registeredVariables[name];
  const [square, moment, mean] = ([
    [optimizer.accumulatedMeanSquares, "rms"],
    [optimizer.accumulatedMoments, "momentum"],
    [optimizer.accumulatedMeanGrads, "mg"],
  ] as const).map(([slots, suffix]) => {
    slots[index] ??= {
      originalName: `${name}/${suffix}`,
      variable: tf.tidy(() => tf.zerosLike(value).variable(false)),
    };
    return slots[index].variable;
  });
  if (!gradient) return;
  tf.tidy(() => {
    const newSquare = square.mul(decay).add(gradient.square().mul(1 - decay));
    const newMean = mean.mul(decay).add(gradient.mul(1 - decay));
    // Rounding can make the variance of a constant gradient negative.
    const variance = newSquare.sub(newMean.square()).relu();
    const step = gradient.mul(learningRate).div(variance.add(epsilon).sqrt());
    const newMoment = moment.mul(momentum).add(step);
    square.assign(newSquare);
    mean.assign(newMean);
    moment.assign(newMoment);
    value.assign(value.sub(newMoment));
  });
}

/**
 * Completes and corrects the gradients of tfjs, on every backend: each differentiable operation has
 * one, which can be differentiated itself, and which is PyTorch's at kinks.
 */
function registerGradients(): void {
  registerUnary();
  registerArithmetic();
  registerAxes();
  registerGather();
  registerConvolutions();
  registerPools();
  registerNormalization();
  registerImages();
  fixTape();
  keepGradients();
}

/** The registry of gradients, as far as tfjs uses it. */
type Registry = Pick<Map<string, object>, "delete" | "get" | "has" | "set">;

/**
 * Keeps a program that imports `@tensorflow/tfjs` later from replacing gradients.
 *
 * On Deno and Node, that package holds a copy of tfjs's gradients, and registers them when it is
 * loaded. Each copy asks for the registry once, by its name, and those to come get one to which they
 * can only add. `tf.registerGradient()` has its own reference and replaces whatever it is given.
 */
function keepGradients(): void {
  const { _tfGlobals: globals } = globalThis as { _tfGlobals?: Map<string, Registry> };
  const registry = globals?.get("gradRegistry");
  if (!registry) return;
  globals!.set("gradRegistry", {
    delete: (name) => registry.delete(name),
    get: (name) => registry.get(name),
    has: (name) => registry.has(name),
    set(name, gradient) {
      if (!registry.has(name)) registry.set(name, gradient);
      return this as Map<string, object>;
    },
  });
}
