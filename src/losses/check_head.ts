import type { tf } from "../deps/tfjs.ts";
import { outputMark } from "../tensors/outputs.ts";

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
