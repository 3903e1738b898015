import { checkOptions, describeValue, isThenable } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { withRandom } from "../random/random_numbers.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { BatchPlace } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { batchRandom } from "./support/batch_random.ts";

/**
 * A batch, before or after the transform.
 *
 * @category Callbacks
 */
export interface TransformedBatch {
  /** The model's input, `[batch, ...]`. */
  // deno-lint-ignore no-explicit-any -- batches of tensors in any nesting
  data: any;
  /** The labels, `[batch, ...]`. */
  // deno-lint-ignore no-explicit-any -- batches of tensors in any nesting
  labels: any;
}

/**
 * Changes a batch, synchronously and by TensorFlow.js operations, into a batch of the same size.
 *
 * Intermediate tensors are disposed. If the Learner has a seed, numbers drawn from `random`, from
 * `Math.random` or by random operations of TensorFlow.js depend on seed, epoch and batch only.
 *
 * @param batch The batch of the loader.
 * @param random Draws uniformly from [0, 1).
 * @returns The parts to replace.
 * @category Callbacks
 */
export type BatchTransform = (
  batch: TransformedBatch,
  random: () => number,
) => Partial<TransformedBatch>;

/**
 * A phase in which {@linkcode TransformBatch} acts.
 *
 * @category Callbacks
 */
export type TransformPhase = "train" | "validation" | "test" | "predict";

/**
 * Options of {@linkcode TransformBatch}.
 *
 * @category Callbacks
 */
export interface TransformBatchOptions {
  /**
   * The phases whose batches are changed. What is changed in `"validation"` is changed in
   * `learner.predict()`, too; `"predict"` alone is for test-time augmentation. Default: `["train"]`.
   */
  phases?: readonly TransformPhase[];
}

const PHASES: readonly TransformPhase[] = ["train", "validation", "test", "predict"];

/**
 * Changes batches before the model sees them: augmentation, noise, normalisation on the device.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { TransformBatch } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const normalize = new TransformBatch(
 *   ({ data }) => ({ data: tf.div(data, 255) }),
 *   { phases: ["train", "validation", "test"] },
 * );
 * const flip = new TransformBatch(({ data }, random) => random() < 0.5 ? { data: tf.reverse(data, 1) } : {});
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[255, 255]]), tf.ones([1, 1])]] },
 *   callbacks: [normalize, flip, {
 *     beforeBatch: ({ data }) => assertEquals([...data.dataSync()], [1, 1]),
 *   }],
 * });
 * await learner.train();
 * ```
 *
 * @category Callbacks
 */
export class TransformBatch extends Callback {
  /** Before the callbacks that read the batch. */
  override priority: number = PRIORITIES.data;
  readonly #transform: BatchTransform;
  readonly #phases: ReadonlySet<TransformPhase>;

  /**
   * Checks the options.
   *
   * @param transform Changes a batch.
   * @param options The phases.
   * @throws {TypeError} If `transform` is not a function, or a phase is unknown.
   */
  constructor(transform: BatchTransform, options: TransformBatchOptions = {}) {
    super();
    const action = "transform batches";
    checkOptions(action, options, { phases: true });
    const { phases = ["train"] } = options;
    if (typeof transform !== "function") {
      throw new TypeError(
        `Cannot ${action} as transform must be a function: current value is ${
          describeValue(transform)
        }`,
      );
    }
    const unknown = phases.find((phase) => !PHASES.includes(phase));
    if (unknown !== undefined) {
      throw new TypeError(
        `Cannot ${action} as each phase must be one of ${PHASES.join(", ")}: current value is ${
          describeValue(unknown)
        }`,
      );
    }
    this.#transform = transform;
    this.#phases = new Set(phases);
  }

  /** Changes a batch of training. */
  override beforeBatch(learner: AnyLearner): void {
    this.#change(learner, "train");
  }

  /** Changes a batch of validation. */
  override beforeValidationBatch(learner: AnyLearner): void {
    this.#change(learner, "validation");
  }

  /** Changes a batch of the test. */
  override beforeTestBatch(learner: AnyLearner): void {
    this.#change(learner, "test");
  }

  /** Changes a batch that is read apart from a run, or predicted. */
  override changeBatch(
    batch: TransformedBatch,
    place: BatchPlace,
    learner: AnyLearner,
  ): Partial<TransformedBatch> | void {
    const phases = this.#phases;
    // A prediction sees what a validation sees, unless it has a transform of its own.
    const acts = phases.has(place.pass) || (place.pass === "predict" && phases.has("validation"));
    if (acts) return this.#transformed(batch, batchRandom(learner, this, "transformBatch", place));
  }

  #change(learner: AnyLearner, phase: TransformPhase): void {
    if (!this.#phases.has(phase)) return;
    const { data, labels } = learner;
    const random = batchRandom(learner, this, "transformBatch");
    const changed = this.#transformed({ data, labels }, random);
    if (changed.data !== undefined) learner.data = changed.data;
    if (changed.labels !== undefined) learner.labels = changed.labels;
  }

  #transformed(batch: TransformedBatch, random: () => number): Partial<TransformedBatch> {
    return tf.tidy(() => {
      const result = withRandom(random, () => this.#transform(batch, random));
      if (isThenable(result)) {
        throw new TypeError(
          "Cannot transform batches as transform must be synchronous: it returned a promise",
        );
      }
      if (isBatch(result)) return { ...result } as tf.NamedTensorMap;
      throw new TypeError(
        "Cannot transform batches as transform must return { data }, { labels } or both: " +
          `current value is ${describeValue(result)}`,
      );
    });
  }
}

function isBatch(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    Object.keys(value).every((name) => name === "data" || name === "labels");
}
