import { tf } from "../deps/tfjs.ts";
import { closest } from "../deps/levenshtein.ts";
import { binaryCrossEntropy } from "./binary_cross_entropy.ts";
import { crossEntropy } from "./cross_entropy.ts";
import { huber } from "./huber.ts";
import { meanSquaredError } from "./mean_squared_error.ts";
import { pure } from "./pure_losses.ts";

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
export function meanOfStock(losses: readonly StockLoss[]): LossFunction {
  return (predictions, labels) => {
    if (!Array.isArray(predictions)) return meanOf(losses[0], predictions, labels);
    const means = predictions.map((output, index) =>
      meanOf(losses[index] ?? losses[0], output, labels[index])
    );
    return means.length === 1 ? means[0] : tf.addN(means);
  };
}

/** The mean of a loss or metric of TensorFlow.js; labels `[batch]` fit predictions `[batch, 1]`. */
export function meanOf(loss: StockLoss, predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const fits = [...labels.shape, 1].join() === predictions.shape.join();
    return loss(fits ? labels.expandDims(-1) : labels, predictions).mean();
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
