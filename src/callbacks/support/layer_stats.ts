import type { tf } from "../../deps/tfjs.ts";
import { tensorStats, type TensorStatsOptions } from "../../tensors/tensor_stats.ts";
import type { LayerRecord } from "../../pictures/layer_record.ts";
import { type Plot, plotters } from "../../pictures/plotters.ts";
import { type AnyLearner, Callback } from "../../learner/callback.ts";
import { PRIORITIES } from "../../learner/priorities.ts";

/**
 * Options of {@linkcode ActivationStats} and {@linkcode GradientStats}.
 *
 * @category Writing a callback
 */
export interface LayerStatsOptions extends TensorStatsOptions {
  /** Look at every so many batches of training, an integer >= 1. Default: 50. */
  every?: number;
  /** Which layers or weights to look at, by name. Default: all. */
  layers?: RegExp;
}

/**
 * What {@linkcode ActivationStats} and {@linkcode GradientStats} share: when to look, what to keep.
 *
 * @category Writing a callback
 */
export abstract class LayerStats extends Callback {
  /** With the metrics. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** What was seen in the last run, in order of time. */
  records: LayerRecord[] = [];
  readonly #every: number;
  readonly #options: LayerStatsOptions;
  #step = 0;

  /**
   * Checks the options.
   *
   * @param options When and how to look.
   * @throws {RangeError} If `every` or `bins` is not an integer >= 1, or `threshold` is negative.
   */
  constructor(options: LayerStatsOptions = {}) {
    super();
    const { every = 50, bins = 40, threshold = 1e-6 } = options;
    for (const [name, value] of Object.entries({ every, bins })) {
      if (Number.isInteger(value) && value >= 1) continue;
      throw new RangeError(
        `Cannot look at layers as ${name} must be an integer >= 1: current value is ${value}`,
      );
    }
    if (!(threshold >= 0)) {
      throw new RangeError(
        `Cannot look at layers as threshold must be >= 0: current value is ${threshold}`,
      );
    }
    this.#every = every;
    this.#options = options;
  }

  /** The names of all that was looked at. */
  get layers(): string[] {
    return [...new Set(this.records.map(({ layer }) => layer))];
  }

  /**
   * Draws what was seen over time, number by number and layer by layer.
   *
   * @throws {Error} If nothing was seen yet, or `@trainchart/trainchart/plots` was not imported.
   */
  plot(): Plot {
    if (this.records.length > 0) return plotters().layers(this.records);
    throw new Error(
      `Cannot draw ${this.name} as something must have been seen: no batch was looked at yet`,
    );
  }

  /** Forgets the last run. */
  override beforeTrain(_learner: AnyLearner): void {
    this.records = [];
    this.#step = 0;
  }

  /** Counts batches. */
  override afterBatch(_learner: AnyLearner): void {
    this.#step++;
  }

  /** What was seen, for a checkpoint. */
  override state(): unknown {
    return { records: this.records, step: this.#step };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    const { records, step } = state as { records: LayerRecord[]; step: number };
    this.records = records;
    this.#step = step;
  }

  /** Whether to look at the batch at hand. */
  protected get due(): boolean {
    return this.#step >= (this.records.at(-1)?.step ?? -Infinity) + this.#every;
  }

  /** Whether a layer is one of those to look at. */
  protected wanted(layer: string): boolean {
    return this.#options.layers?.test(layer) ?? true;
  }

  /**
   * Reads tensors off the device, all at once, and keeps what there is to say of them. Where there
   * are none, as while gradients are accumulated, the next batch is looked at.
   */
  protected async record(
    { epoch }: AnyLearner,
    tensors: readonly (readonly [layer: string, tensor: tf.Tensor])[],
  ): Promise<void> {
    const step = this.#step;
    const values = await Promise.all(tensors.map(([, tensor]) => tensor.data()));
    tensors.forEach(([layer], index) => {
      const { bins, threshold } = this.#options;
      const stats = tensorStats(values[index], { bins, threshold });
      this.records.push({ step, epoch, layer, ...stats });
    });
  }
}
