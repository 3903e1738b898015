import { tf } from "../deps/tfjs.ts";
import { applyModel, type Model } from "./model.ts";
import { keyedRandom } from "../random/random_numbers.ts";
import { withRandom } from "../random/with_random.ts";

/** A layer of batch normalisation; its type does not declare these properties. */
interface BatchNormalization {
  momentum: number;
  readonly movingMean: { read(): tf.Tensor };
  readonly movingVariance: { read(): tf.Tensor };
}

/**
 * Replaces the moving statistics of batch normalisation by means over batches of training data.
 *
 * @param model The model; its other weights do not change.
 * @param batches The batches to read; the generator disposes them.
 * @param limit The largest number of batches to read, >= 0.
 */
export async function refreshStatistics(
  model: tf.LayersModel | Model,
  batches: () => AsyncIterable<{ data: unknown }>,
  limit: number,
): Promise<void> {
  const layers = "layers" in model ? [...normalizations(model.layers)] : [];
  if (layers.length === 0 || limit === 0) return;
  const momenta = layers.map(({ momentum }) => momentum);
  try {
    let index = 0;
    for await (const { data } of batches()) {
      // With these momenta, a moving average is the mean of all batches so far.
      for (const layer of layers) layer.momentum = index / (index + 1);
      withRandom(keyedRandom(0, index), () =>
        tf.tidy(() => {
          applyModel(model, data, { training: true });
        }));
      if (++index >= limit) break;
    }
  } finally {
    layers.forEach((layer, index) => layer.momentum = momenta[index]);
  }
}

/** The variables that training changes without a gradient. */
export function statisticsOf(model: tf.LayersModel | Model): tf.Variable[] {
  if ("layers" in model) {
    return [...normalizations(model.layers)].flatMap(({ movingMean, movingVariance }) => [
      movingMean.read() as tf.Variable,
      movingVariance.read() as tf.Variable,
    ]);
  }
  const { variables = [], trainableVariables } = model as Model;
  return variables.filter((variable) => !trainableVariables.includes(variable));
}

/** The layers of batch normalisation in a list of layers, and in the models there. */
export function* normalizations(layers: tf.layers.Layer[]): Iterable<BatchNormalization> {
  for (const layer of layers) {
    if ("layers" in layer) yield* normalizations(layer.layers as tf.layers.Layer[]);
    else if (layer.getClassName() === "BatchNormalization") {
      yield layer as unknown as BatchNormalization;
    }
  }
}
