import * as field from "../../checks/fields.ts";
import { checkNumber, checkOptions, describeValue } from "../../checks/check_options.ts";
import type { tf } from "../../deps/tfjs.ts";
import {
  type LayerRecord,
  tensorStats,
  type TensorStatsOptions,
} from "../../tensors/tensor_stats.ts";
import { type Plot, plotters } from "../../pictures.ts";
import { type AnyLearner, Callback, type StateCheck } from "../../learner/callback.ts";
import { PRIORITIES } from "../../learner/callback_list.ts";

/**
 * Options of {@linkcode ActivationStats} and {@linkcode GradientStats}.
 *
 * @category Writing a callback
 */
export interface LayerStatsOptions extends TensorStatsOptions {
  /** Look at every n-th batch of training, an integer >= 1. Default: 50. */
  every?: number;
  /** The layers or weights to look at, by name. Default: all. */
  layers?: RegExp;
}

/**
 * The base class of {@linkcode ActivationStats} and {@linkcode GradientStats}.
 *
 * @category Writing a callback
 */
export abstract class LayerStats extends Callback {
  /** In the band of metrics. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** The records of the last run, in order of time. */
  records: LayerRecord[] = [];
  readonly #every: number;
  readonly #options: LayerStatsOptions;
  #step = 0;

  /**
   * Checks the options.
   *
   * @param options When and how to look.
   * @throws {TypeError} If an option is unknown, or `layers` is no RegExp.
   * @throws {RangeError} If `every` or `bins` is not an integer >= 1, or `threshold` is negative.
   */
  constructor(options: LayerStatsOptions = {}) {
    super();
    const known = { every: true, layers: true, bins: true, threshold: true };
    checkOptions("look at layers", options, known);
    const { every = 50, bins = 40, threshold = 1e-6, layers } = options;
    const check = checkNumber.bind(undefined, "look at layers");
    this.#every = check("every", every, { integer: true, min: 1 });
    check("bins", bins, { integer: true, min: 1 });
    check("threshold", threshold, { min: 0 });
    if (layers !== undefined && !(layers instanceof RegExp)) {
      throw new TypeError(
        `Cannot look at layers as layers must be a RegExp: current value is ${
          describeValue(layers)
        }`,
      );
    }
    this.#options = options;
  }

  /** The names of all layers or weights in the records. */
  get layers(): string[] {
    return [...new Set(this.records.map(({ layer }) => layer))];
  }

  /**
   * Draws the records over time, number by number and layer by layer.
   *
   * @throws {Error} If nothing was recorded yet, or `@trainchart/trainchart/plots` was not imported.
   */
  plot(): Plot {
    if (this.records.length > 0) return plotters().layers(this.records);
    throw new Error(`Cannot draw ${this.name}: no batch was looked at yet.`);
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

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    records: field.list(field.record({
      step: field.integer({ min: 0 }),
      epoch: field.integer({ min: 0 }),
      layer: field.text,
      size: field.measurement,
      mean: field.measurement,
      deviation: field.measurement,
      nearZero: field.measurement,
      nonFinite: field.measurement,
      histogram: field.record({
        min: field.measurement,
        max: field.measurement,
        counts: field.list(field.measurement),
      }),
    })),
    step: field.integer({ min: 0 }),
  });

  /** The records, for a checkpoint. */
  override state(): unknown {
    return { records: this.records, step: this.#step };
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    const { records, step } = state as { records: LayerRecord[]; step: number };
    this.records = records;
    this.#step = step;
  }

  /** Whether to look at the current batch. */
  protected get due(): boolean {
    return this.#step >= (this.records.at(-1)?.step ?? -Infinity) + this.#every;
  }

  /** Whether to look at a layer. */
  protected wanted(layer: string): boolean {
    const { layers } = this.#options;
    return !layers || layer.search(layers) >= 0; // unlike test(), also with the flag g
  }

  /**
   * Reads tensors off the device, all at once, and records their statistics. Without tensors, as
   * while gradients are accumulated, the next batch is looked at.
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
