/**
 * Checks of the predictions and labels of a loss.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import { outputMark } from "../tensors/outputs.ts";

/**
 * Gives labels the shape of the predictions: `[batch]` becomes `[batch, 1]` or the reverse, as in
 * `model.fit`. Otherwise they would broadcast to `[batch, batch]`.
 *
 * @param name The loss or metric, for messages.
 * @param predictions The predictions.
 * @param labels The labels.
 * @returns The labels, or a view of them.
 * @throws {TypeError} If any other shape differs.
 */
export function alignLabels(name: string, predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const [wanted, given] = [predictions.shape.join(), labels.shape.join()];
  if (wanted === given) return labels;
  if (wanted === `${given},1` || `${wanted},1` === given) return labels.reshape(predictions.shape);
  throw new TypeError(
    `Cannot compute ${name} as labels must have the shape of the predictions, ` +
      `[${predictions.shape}]: current value is [${labels.shape}]`,
  );
}

/**
 * Checks that a loss for logits is not given probabilities, or the reverse: the loss would silently
 * be another one.
 *
 * @param loss The name of the loss.
 * @param predictions The predictions, as a model returned them.
 * @param probabilities Whether they are meant to be probabilities.
 * @throws {TypeError} If the last layer of the model is known, and does not fit.
 */
export function checkHead(loss: string, predictions: tf.Tensor, probabilities: boolean): void {
  const activation = outputMark(predictions)?.activation;
  if (activation === undefined || probabilities === (activation !== "linear")) return;
  throw new TypeError(
    probabilities
      ? `Cannot compute ${loss} as predictions must be probabilities: the model ends in a linear ` +
        "layer. Leave out { probabilities: true }"
      : `Cannot compute ${loss} as predictions must be logits: the model ends in a ${activation}. ` +
        "Remove it from the model, or pass { probabilities: true } as options of the loss",
  );
}
