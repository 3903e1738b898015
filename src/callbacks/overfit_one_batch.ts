import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode OverfitOneBatch}.
 *
 * @category Callbacks
 */
export interface OverfitOneBatchOptions {
  /** Number of times that the batch comes in an epoch, an integer >= 1. Default: 1. */
  stepsPerEpoch?: number;
}

/**
 * Trains and validates on the first batch of training only: a model that cannot learn one batch by
 * heart has a bug. After the training the loaders are what they were.
 *
 * @example
 * ```ts
 * import { adam, Learner, tf } from "@trainchart/trainchart";
 * import { OverfitOneBatch } from "@trainchart/trainchart/callbacks";
 * import { assertLess } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])], [tf.ones([1, 1]), tf.zeros([1, 1])]] },
 *   callbacks: [new OverfitOneBatch({ stepsPerEpoch: 200 })],
 * });
 * await learner.train({ epochs: 2 });
 * assertLess(learner.trainLoss, 1e-3);
 * ```
 *
 * @category Callbacks
 */
export class OverfitOneBatch extends Callback {
  /** Before the callbacks that read data. */
  override priority: number = PRIORITIES.mode;
  /** The loaders of the run are made of one batch. */
  override readonly replacesLoaders: boolean = true;
  readonly #stepsPerEpoch: number;

  /**
   * Checks the options.
   *
   * @param options The length of an epoch.
   * @throws {RangeError} If `stepsPerEpoch` is not an integer >= 1.
   */
  constructor(options: OverfitOneBatchOptions = {}) {
    super();
    const action = "overfit one batch";
    checkOptions(action, options, { stepsPerEpoch: true });
    const { stepsPerEpoch = 1 } = options;
    const range = { integer: true, min: 1 };
    this.#stepsPerEpoch = checkNumber(action, "stepsPerEpoch", stepsPerEpoch, range);
  }

  /**
   * Replaces the loaders. The batch stays undisposed as long as its iterator waits.
   *
   * @throws {RangeError} If the training loader yields no batch.
   */
  override async setUp(learner: AnyLearner, kind: RunKind): Promise<PutBack | void> {
    if (kind !== "train") return;
    const { dataloaders } = learner;
    const batches = learner.batches("train", { transform: false });
    const { value: batch, done } = await batches.next();
    if (done) {
      throw new RangeError(
        "Cannot overfit one batch as dataloaders.train must yield one: it yielded none",
      );
    }
    // The batches are sharded over the ranks: each rank gets the same batch.
    const times = learner.peers?.shard.count ?? 1;
    learner.dataloaders = {
      ...dataloaders,
      train: Array(times * this.#stepsPerEpoch).fill(batch),
      ...dataloaders.validation && { validation: Array(times).fill(batch) },
    };
    return async () => {
      learner.dataloaders = dataloaders;
      await batches.return();
    };
  }

  /** Nothing but the fact that the run needs this callback, for a checkpoint. */
  override state(): unknown {
    return {};
  }
}
