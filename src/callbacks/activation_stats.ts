import { describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { placedLayers, putStatesAside } from "../model/layers.ts";
import { applyModel } from "../model/model.ts";
import { LayerStats } from "./support/layer_stats.ts";

/**
 * Records mean, deviation, share near zero and histogram of the output of each layer, once in so
 * many batches. A healthy layer keeps a deviation near 1, and few units that are always zero.
 *
 * The batch is run through the model once more in inference mode, so that dropout, batch
 * normalisation and the training itself are left alone. The model must be made of layers; those of
 * a model in the model are named `"model/layer"`.
 *
 * After the ActivationStats of fast.ai: J. Howard, *Practical Deep Learning for Coders, Lesson 16*,
 * 2022, <https://course.fast.ai/Lessons/lesson16.html>.
 *
 * @example
 * ```ts
 * import { ActivationStats } from "@trainchart/trainchart/callbacks";
 *
 * const activations = new ActivationStats({ every: 100, threshold: 1e-3 });
 * ```
 *
 * @category Callbacks
 */
export class ActivationStats extends LayerStats {
  /**
   * Forgets the last run.
   *
   * @throws {TypeError} If the model is not made of layers.
   */
  override beforeTrain(learner: AnyLearner): void {
    super.beforeTrain(learner);
    if (!(learner.model instanceof tf.LayersModel)) {
      throw new TypeError(
        "Cannot look at activations as the model must be a tf.LayersModel: current value is " +
          describeValue(learner.model),
      );
    }
  }

  /** Looks at the layers. */
  override async afterStep(learner: AnyLearner): Promise<void> {
    if (!this.due) return;
    const { model, data } = learner;
    const layers = namedLayers(model as tf.LayersModel).filter(([name]) => this.wanted(name));
    const outputs = outputsOf(layers, model as tf.LayersModel, data);
    try {
      await this.record(learner, outputs);
    } finally {
      tf.dispose(outputs.map(([, output]) => output));
    }
  }
}

const INFERENCE = { training: false };

type Named<T> = readonly [name: string, value: T];

/** The layers of a model and of the models in it, by their path. Wrappers stand for their layers. */
function namedLayers(model: tf.LayersModel): Named<tf.layers.Layer>[] {
  return placedLayers(model)
    .filter(({ layer, around }) =>
      !("layers" in layer) && layer.getClassName() !== "InputLayer" &&
      around.every((outer) => "layers" in outer)
    )
    .map(({ layer, around }) => [[...around, layer].map(({ name }) => name).join("/"), layer]);
}

/**
 * The first output of each layer while a model is applied, in the order of the layers. The outputs
 * are the caller's. Layers of an inner model have symbolic outputs of a graph of its own, so that no
 * model could be made of them.
 */
function outputsOf(
  layers: readonly Named<tf.layers.Layer>[],
  model: tf.LayersModel,
  data: unknown,
): Named<tf.Tensor>[] {
  const outputs = new Map<tf.layers.Layer, tf.Tensor>();
  for (const [, layer] of layers) {
    const { call } = layer;
    layer.call = (...args) => {
      const result = call.apply(layer, args);
      const [output] = [result].flat();
      if (!outputs.has(layer)) outputs.set(layer, tf.keep(output.clone()));
      return result;
    };
  }
  const aside = putStatesAside(model, { copy: true });
  try {
    tf.tidy(() => void applyModel(model, data, INFERENCE));
  } finally {
    aside.putBack();
    for (const [, layer] of layers) delete (layer as Partial<tf.layers.Layer>).call;
  }
  return layers.filter(([, layer]) => outputs.has(layer))
    .map(([name, layer]) => [name, outputs.get(layer)!]);
}
