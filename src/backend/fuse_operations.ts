/**
 * Operations that tfjs computes in JavaScript or by many kernels, in one kernel where the backend has ours.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { hasKernel, registerGradient, run } from "./gradients/gradient.ts";
import { elementLosses } from "./gradients/unary.ts";
import type { BandAttributes, EyeAttributes } from "./kernels/rearrangements.ts";
import type { RandomAttributes } from "./kernels/training.ts";
import { type AnyLayer, layerClass, onlyTensor } from "./fix_layers/layer_class.ts";

/** Elements from which a kernel is faster than a loop in JavaScript. */
const MANY = 64;

let areFused = false;

/** Replaces operations of `tf`. A second call does nothing. */
export function fuseOperations(): void {
  if (areFused) return;
  areFused = true;
  fuseConstants();
  fuseRandom();
  fuseBandPart();
  fuseLosses();
}

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;

/** Replaces a function of `tf` or of a part of it; a bundler for browsers may have bound programs to tfjs's. */
function replace(
  owner: object,
  name: string,
  withStock: (stock: AnyFunction) => AnyFunction,
): void {
  const functions = owner as Record<string, AnyFunction>;
  if (Object.getOwnPropertyDescriptor(functions, name)?.writable) {
    functions[name] = withStock(functions[name]);
  }
}

function isMany(shape: number[]): boolean {
  return Array.isArray(shape) && tf.util.sizeFromShape(shape) >= MANY;
}

function fuseConstants(): void {
  for (const [name, value] of [["ones", 1], ["zeros", 0]] as const) {
    replace(tf, name, (stock) =>
      function filled(shape: number[], dtype: tf.DataType = "float32") {
        const isOurs = isMany(shape) && dtype !== "complex64" && dtype !== "string" &&
          hasKernel("TrainchartEye");
        if (!isOurs) return stock(shape, dtype);
        tf.util.assertNonNegativeIntegerDimensions(shape);
        return run("Fill", {}, { shape, value, dtype });
      });
  }
  replace(tf, "eye", (stock) =>
    function eye(
      rows: number,
      columns?: number,
      batch?: number[],
      dtype: tf.DataType = "float32",
    ) {
      const shape = [...batch ?? [], rows, columns ?? rows];
      const isOurs = isMany(shape) && dtype !== "complex64" && dtype !== "string" &&
        shape.length <= 5 && hasKernel("TrainchartEye");
      if (!isOurs) return stock(rows, columns, batch, dtype);
      tf.util.assertNonNegativeIntegerDimensions(shape);
      return run("TrainchartEye", {}, { shape, dtype } satisfies EyeAttributes);
    });
}

/** Random numbers of a shape that a kernel draws; `undefined` where it does not. */
function draw(
  kernelName: "TrainchartNormal" | "TrainchartUniform",
  attributes: Omit<RandomAttributes, "dtype"> & { dtype?: tf.DataType | null },
): tf.Tensor | undefined {
  const { shape, p, q } = attributes;
  const dtype = attributes.dtype ?? "float32";
  const isDrawn = dtype === "float32" || (dtype === "int32" && kernelName === "TrainchartUniform");
  const areNumbers = Number.isFinite(p) && Number.isFinite(q) && Array.isArray(shape);
  if (!isDrawn || !areNumbers || !isMany(shape) || !hasKernel(kernelName)) return;
  tf.util.assertNonNegativeIntegerDimensions(shape);
  return run(kernelName, {}, { ...attributes, dtype });
}

/** Makes random numbers those that tfjs draws one by one in JavaScript, also of initializers and noise. */
function fuseRandom(): void {
  replace(tf, "randomUniform", (stock) =>
    function randomUniform(
      shape: number[],
      min = 0,
      max = 1,
      dtype: tf.DataType = "float32",
      seed?: number | string,
    ) {
      const attributes = { shape, dtype, seed, p: min, q: max - min };
      return draw("TrainchartUniform", attributes) ?? stock(shape, min, max, dtype, seed);
    });
  replace(
    tf,
    "randomUniformInt",
    (stock) =>
      function randomUniformInt(shape: number[], min: number, max: number, seed?: number | string) {
        const attributes = { shape, dtype: "int32", seed, p: min, q: max - min } as const;
        return draw("TrainchartUniform", attributes) ?? stock(shape, min, max, seed);
      },
  );
  replace(tf, "randomNormal", (stock) =>
    function randomNormal(
      shape: number[],
      mean = 0,
      deviation = 1,
      dtype?: tf.DataType,
      seed?: number,
    ) {
      const attributes = { shape, dtype, seed, p: mean, q: deviation };
      const ours = draw("TrainchartNormal", attributes);
      return ours ?? stock(shape, mean, deviation, dtype, seed);
    });
  replace(
    tf,
    "randomStandardNormal",
    (stock) =>
      function randomStandardNormal(shape: number[], dtype?: tf.DataType, seed?: number) {
        const ours = draw("TrainchartNormal", { shape, dtype, seed, p: 0, q: 1 });
        return ours ?? stock(shape, dtype, seed);
      },
  );
  replace(tf, "truncatedNormal", (stock) =>
    function truncatedNormal(
      shape: number[],
      mean = 0,
      deviation = 1,
      dtype?: tf.DataType,
      seed?: number,
    ) {
      const attributes = { shape, dtype, seed, p: mean, q: deviation, limit: 2 };
      const ours = draw("TrainchartNormal", attributes);
      return ours ?? stock(shape, mean, deviation, dtype, seed);
    });
  fuseInitializers();
  fuseNoise();
  fuseDropout();
}

/** The attributes of the numbers of each initializer. */
const INITIALIZERS: Record<
  string,
  (layer: AnyLayer) => Pick<RandomAttributes, "p" | "q" | "limit">
> = {
  RandomNormal: ({ mean, stddev }) => ({ p: mean, q: stddev }),
  RandomUniform: ({ minval, maxval }) => ({ p: minval, q: maxval - minval }),
  TruncatedNormal: ({ mean, stddev }) => ({ p: mean, q: stddev, limit: 2 }),
};

function fuseInitializers(): void {
  for (const [name, attributesOf] of Object.entries(INITIALIZERS)) {
    const { prototype } = layerClass(name);
    const { apply } = prototype;
    const kernelName = name === "RandomUniform" ? "TrainchartUniform" : "TrainchartNormal";
    prototype.apply = function (this: AnyLayer, shape: number[], dtype: tf.DataType = "float32") {
      const { seed } = this;
      const ours = dtype === "float32"
        ? draw(kernelName, { shape, dtype, seed: seed ?? undefined, ...attributesOf(this) })
        : undefined;
      return ours ?? apply.call(this, shape, dtype);
    };
  }
}

/** Makes `tf.dropout` draw its factors in a kernel. */
function fuseDropout(): void {
  replace(
    tf,
    "dropout",
    (stock) =>
      function dropout(x: tf.Tensor, rate: number, noiseShape?: number[], seed?: number | string) {
        const isOurs = x instanceof tf.Tensor && x.dtype === "float32" && rate > 0 && rate < 1 &&
          !noiseShape && hasKernel("TrainchartDropoutMask");
        if (!isOurs) return stock(x, rate, noiseShape, seed);
        const attributes = { shape: x.shape, kept: 1 - rate, seed };
        return tf.tidy(() => x.mul(run("TrainchartDropoutMask", {}, attributes)));
      },
  );
}

/** Makes layers of noise draw in a kernel; `K` of tfjs's layers is bound to its own functions. */
function fuseNoise(): void {
  for (
    const [name, attributesOf, combine] of [
      ["GaussianNoise", ({ stddev }: AnyLayer) => ({ p: 0, q: stddev }), tf.add],
      [
        "GaussianDropout",
        ({ rate }: AnyLayer) => ({ p: 1, q: Math.sqrt(rate / (1 - rate)) }),
        (noise: tf.Tensor, x: tf.Tensor) => tf.mul(x, noise),
      ],
    ] as const
  ) {
    const { prototype } = layerClass(name);
    const { call } = prototype;
    prototype.call = function (
      this: AnyLayer,
      inputs: tf.Tensor | tf.Tensor[],
      options: { training?: boolean } = {},
    ): tf.Tensor {
      const isDrawn = options.training &&
        (name === "GaussianNoise" || (this.rate > 0 && this.rate < 1));
      if (!isDrawn || !hasKernel("TrainchartNormal")) return call.call(this, inputs, options);
      return tf.tidy(() => {
        this.invokeCallHook(inputs, options);
        const x = onlyTensor(inputs);
        const noise = draw("TrainchartNormal", { shape: x.shape, ...attributesOf(this) });
        return noise ? combine(noise, x) : call.call(this, inputs, options);
      });
    };
  }
}

function fuseBandPart(): void {
  registerGradient("TrainchartBandPart", {}, (dy, _, attributes) => ({
    x: () => run("TrainchartBandPart", { x: dy }, attributes),
  }));
  replace(
    tf.linalg,
    "bandPart",
    (stock) =>
      function bandPart(a: tf.Tensor, lower: number, upper: number) {
        const isOurs = a instanceof tf.Tensor && a.rank >= 2 && a.dtype !== "string" &&
          a.dtype !== "complex64" && isDiagonal(lower, a.shape.at(-2)!) &&
          isDiagonal(upper, a.shape.at(-1)!) && hasKernel("TrainchartBandPart");
        if (!isOurs) return stock(a, lower, upper);
        const attributes: BandAttributes = { lower, upper };
        return run("TrainchartBandPart", { x: a }, attributes);
      },
  );
}

function isDiagonal(number: unknown, size: number): number is number {
  return Number.isInteger(number) && (number as number) <= size;
}

/** Losses of `tf.losses` by one kernel: its name, and the place of its parameter and its default. */
const LOSSES = {
  hingeLoss: { f: "HINGE", reduction: 3 },
  huberLoss: { f: "HUBER", reduction: 4, p: 1 },
  logLoss: { f: "LOG_LOSS", reduction: 4, p: 1e-7 },
} as const;

/** `tf.Reduction` of means: over all elements, or over those whose weight is not 0. */
const MEANS: unknown[] = [undefined, tf.Reduction.MEAN, tf.Reduction.SUM_BY_NONZERO_WEIGHTS];

/** Makes losses of elements two operations: one kernel for all elements, and their mean. */
function fuseLosses(): void {
  for (const [name, { f, reduction, ...options }] of Object.entries(LOSSES)) {
    replace(tf.losses, name, (stock) =>
      function fusedLoss(...args: unknown[]) {
        const [labels, predictions, weights] = args as tf.Tensor[];
        const p = "p" in options ? args[3] ?? options.p : 1;
        const ours = () => elementsOf(f, labels, predictions, p as number);
        return reduced(ours, weights, args[reduction]) ?? stock(...args);
      });
  }
  replace(tf.losses, "sigmoidCrossEntropy", (stock) =>
    function sigmoidCrossEntropy(
      labels: tf.Tensor,
      logits: tf.Tensor,
      weights?: tf.Tensor,
      smoothing = 0,
      reduction?: number,
    ) {
      const ours = () =>
        smoothing === 0 ? elementsOf("SIGMOID_CROSS_ENTROPY", labels, logits, 1) : undefined;
      return reduced(ours, weights, reduction) ??
        stock(labels, logits, weights, smoothing, reduction);
    });
}

/** The losses of the elements; `undefined` for inputs that are left to tfjs. */
function elementsOf(
  f: Parameters<typeof elementLosses>[0],
  labels: tf.Tensor,
  predictions: tf.Tensor,
  p: number,
): tf.Tensor | undefined {
  const areTensors = labels instanceof tf.Tensor && predictions instanceof tf.Tensor;
  if (!areTensors || typeof p !== "number") return;
  const isInteger = labels.dtype === "int32" || labels.dtype === "bool";
  return elementLosses(f, predictions, isInteger ? labels.toFloat() : labels, p);
}

/** Reduces losses as `tf.losses` does; `undefined` for weights that are left to tfjs. */
function reduced(
  compute: () => tf.Tensor | undefined,
  weights: tf.Tensor | undefined,
  reduction: unknown,
): tf.Tensor | undefined {
  if (weights != null && !(weights instanceof tf.Tensor)) return;
  return tf.tidy(() => {
    const losses = compute();
    if (!losses) return undefined as never;
    if (weights == null && MEANS.includes(reduction)) return losses.mean();
    return tf.losses.computeWeightedLoss(losses, weights, reduction as never);
  });
}
