import { applyModel } from "../model/apply_model.ts";
import { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { LayerStats } from "./support/layer_stats.ts";

/**
 * Keeps an eye on what each layer puts out: mean, deviation, share near zero and histogram, once in
 * so many batches. A healthy layer keeps a deviation near 1, and few units that are always zero.
 *
 * For a look, the batch is run once more through the layers in inference mode, so that dropout,
 * batch normalisation and the training itself are left alone. It needs a model made of layers.
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
  #model: tf.LayersModel | undefined;
  #probe: { names: string[]; model: tf.LayersModel } | undefined;

  /**
   * Forgets the last run.
   *
   * @throws {TypeError} If the model is not made of layers.
   */
  override beforeTrain(learner: AnyLearner): void {
    super.beforeTrain(learner);
    if (!(learner.model instanceof tf.LayersModel)) {
      throw new TypeError(
        "Cannot look at activations as the model must be a tf.LayersModel: it has no layers",
      );
    }
  }

  /** Looks at the layers. */
  override async afterStep(learner: AnyLearner): Promise<void> {
    if (!this.due) return;
    const { names, model } = this.#probeOf(learner.model as tf.LayersModel);
    if (names.length === 0) return;
    const outputs = tf.tidy(() => {
      const outputs = applyModel(model, learner.data, { training: false });
      return Array.isArray(outputs) ? outputs as tf.Tensor[] : [outputs as tf.Tensor];
    });
    try {
      await this.record(learner, outputs.map((output, index) => [names[index], output] as const));
    } finally {
      tf.dispose(outputs);
    }
  }

  /** Lets go of the model. */
  override afterTrain(): void {
    this.#model = this.#probe = undefined;
  }

  /** The same layers, putting out everything on the way. It owns no weights. */
  #probeOf(model: tf.LayersModel): { names: string[]; model: tf.LayersModel } {
    if (this.#probe && this.#model === model) return this.#probe;
    const layers = model.layers.filter((layer) =>
      layer.getClassName() !== "InputLayer" && this.wanted(layer.name)
    );
    const outputs = layers.map((layer) => [layer.getOutputAt(0)].flat()[0]);
    this.#model = model;
    this.#probe = {
      names: layers.map(({ name }) => name),
      model: layers.length > 0 ? tf.model({ inputs: model.inputs, outputs }) : model,
    };
    return this.#probe;
  }
}
