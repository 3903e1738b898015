/**
 * The settings that `model.compile()` takes: losses and optimizers by name, and those of a model that
 * was compiled.
 *
 * @module
 */
import { closest } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { binaryCrossEntropy, huber, meanSquaredError } from "../losses/elementwise_losses.ts";
import { crossEntropy } from "../losses/class_losses.ts";
import { pure } from "../losses/loss_inputs.ts";
import { adam, adamW } from "../optimizers/adam.ts";
import { rmsprop, sgd } from "../optimizers/sgd.ts";

/** The settings of a model that was compiled. */
export interface CompiledModel {
  /** The optimizer. */
  readonly optimizer: tf.Optimizer;
  /** The loss: the sum over all outputs. */
  readonly lossFunction: LossFunction;
  /** The metrics, by their names in TensorFlow.js: `acc`, `meanAbsoluteError`. */
  // deno-lint-ignore no-explicit-any -- predictions and labels of any kind
  readonly metrics: Readonly<Record<string, (predictions: any, labels: any) => tf.Tensor>>;
}

/** Members of `tf.LayersModel` that `compile()` sets. */
interface Compiled {
  readonly optimizer?: tf.Optimizer;
  readonly loss?: unknown;
  readonly lossFunctions?: StockLoss[];
  readonly metricsNames?: string[];
  readonly metricsTensors?: [metric: StockLoss, output: number][];
  readonly collectedTrainableWeights?: { read(): tf.Variable }[];
}

/** Returns the settings with which a model was compiled; `undefined` if it was not. */
export function compiledModel(model: unknown): CompiledModel | undefined {
  const inner = innerOf(model);
  const { optimizer, loss, lossFunctions = [], metricsNames = [], metricsTensors = [] } = inner;
  if (!optimizer || lossFunctions.length === 0) return;
  const names = new Set<string>();
  const metrics = metricsTensors.map(([metric, output], index) => {
    const name = uniqueName(metricsNames[index + 1], names); // the first name is that of the loss
    const part = (value: unknown) => Array.isArray(value) ? value[output] : value;
    return [
      name,
      (predictions: unknown, labels: unknown) => meanOf(metric, part(predictions), part(labels)),
    ] as const;
  });
  return {
    optimizer,
    lossFunction: hasNames(loss) ? pure(meanOfStock(lossFunctions)) : meanOfStock(lossFunctions),
    metrics: Object.fromEntries(metrics),
  };
}

/** Returns the weights that were trainable when a model was compiled; `undefined` if it was not. */
export function compiledVariables(model: tf.LayersModel): tf.Variable[] | undefined {
  return innerOf(model).collectedTrainableWeights?.map((weight) => weight.read());
}

/** Returns the name of a metric, numbered where it is taken: a function may have no name. */
function uniqueName(name: string, taken: Set<string>): string {
  const base = name || "metric";
  let unique = base;
  for (let number = 1; taken.has(unique); number++) unique = `${base}_${number}`;
  taken.add(unique);
  return unique;
}

/** Whether losses are given by their names, in a list or by output. */
function hasNames(loss: unknown): boolean {
  if (typeof loss !== "object" || loss === null) return typeof loss === "string";
  return Object.values(loss).every(hasNames);
}

/** The model that `compile()` sets members on: a sequential model wraps another one. */
function innerOf(model: unknown): Compiled {
  if (!(model instanceof tf.LayersModel)) return {};
  return (model as { model?: Compiled }).model ?? model as unknown as Compiled;
}

/** A loss of predictions and labels, or of arrays of them, where a model has several outputs. */
// deno-lint-ignore no-explicit-any -- predictions and labels of any kind
export type LossFunction = (predictions: any, labels: any) => tf.Tensor;

/** A loss or metric of TensorFlow.js: a value for each example. */
export type StockLoss = (labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor;

const OWN: Readonly<Record<string, LossFunction>> = {
  binaryCrossEntropy,
  crossEntropy,
  huber,
  meanSquaredError,
};

/** Losses of TensorFlow.js. Those with a softmax or a sigmoid take probabilities, as in Keras. */
const STOCK = [
  "meanAbsoluteError",
  "meanAbsolutePercentageError",
  "meanSquaredLogarithmicError",
  "squaredHinge",
  "hinge",
  "categoricalHinge",
  "logcosh",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "binaryCrossentropy",
  "kullbackLeiblerDivergence",
  "poisson",
  "cosineProximity",
];

/**
 * Returns the loss of a name: one of Trainchart, or one that TensorFlow.js knows.
 *
 * @param name The name: `"crossEntropy"` takes logits, `"sparseCategoricalCrossentropy"`
 *   probabilities.
 * @throws {TypeError} If there is no such loss.
 */
export function namedLoss(name: string): LossFunction {
  if (Object.hasOwn(OWN, name)) return OWN[name];
  if (STOCK.includes(name)) return pure(meanOfStock([stockLoss(name)]));
  const names = [...Object.keys(OWN), ...STOCK];
  throw new TypeError(
    `Cannot make a loss as its name must be one of ${names.join(", ")}: ` +
      `there is no "${name}", did you mean "${closest(name, names)}"?`,
  );
}

/** Returns the sum of the mean losses of all outputs of a model. */
function meanOfStock(losses: readonly StockLoss[]): LossFunction {
  return (predictions, labels) => {
    if (!Array.isArray(predictions)) return meanOf(losses[0], predictions, labels);
    const means = predictions.map((output, index) =>
      meanOf(losses[index] ?? losses[0], output, labels[index])
    );
    return means.length === 1 ? means[0] : tf.addN(means);
  };
}

/**
 * The mean of a loss or metric of TensorFlow.js. Labels `[batch]` fit predictions `[batch, 1]`, and may
 * be of any dtype: TensorFlow.js takes class numbers only as float32.
 */
function meanOf(loss: StockLoss, predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const fits = [...labels.shape, 1].join() === predictions.shape.join();
    return loss((fits ? labels.expandDims(-1) : labels).toFloat(), predictions).mean();
  });
}

/** TensorFlow.js gives its losses away only by compiling a model; this one has no weights. */
function stockLoss(name: string): StockLoss {
  const layer = tf.layers.activation({
    activation: "linear",
    inputShape: [1],
    name: "trainchart_loss",
  });
  const model = tf.sequential({ layers: [layer], name: "trainchart_losses" });
  model.compile({ optimizer: "sgd", loss: name });
  const { model: inner } = model as unknown as { model: { lossFunctions: StockLoss[] } };
  model.optimizer.dispose();
  return inner.lossFunctions[0];
}

/** Optimizers by the names of TensorFlow.js and Keras, with their default settings. */
const OPTIMIZERS: Readonly<Record<string, () => tf.Optimizer>> = {
  adam,
  adamw: adamW,
  sgd,
  rmsprop,
  adagrad: () => tf.train.adagrad(0.01),
  adadelta: () => tf.train.adadelta(1, 0.95, 1e-7),
  adamax: () => tf.train.adamax(0.002, 0.9, 0.999, 1e-7, 0),
};

/**
 * Makes an optimizer with its default settings.
 *
 * @param name The name, in upper or lower case: `"adam"`, `"RMSProp"`.
 * @throws {TypeError} If there is no such optimizer.
 */
export function namedOptimizer(name: string): tf.Optimizer {
  const key = name.toLowerCase();
  if (Object.hasOwn(OPTIMIZERS, key)) return OPTIMIZERS[key]();
  const names = Object.keys(OPTIMIZERS);
  throw new TypeError(
    `Cannot make an optimizer as its name must be one of ${names.join(", ")}: ` +
      `there is no "${name}", did you mean "${closest(key, names)}"?`,
  );
}
