import type { AnyLearner } from "../learner/callback.ts";
import { metricsOfPhase } from "../callbacks/support/metrics_of_phase.ts";
import type { MeasuredPhase } from "../learner/pass_callback.ts";
import { tf } from "../deps/tfjs.ts";
import type { LivePoints, SeriesName } from "./messages.ts";
import { DownsampledSeries, type SeriesCursor } from "./downsampled_series.ts";

/** Backends whose memory is that of this process: there is nothing to wait for. */
const NEAR = ["cpu", "wasm"];

interface Point {
  step: number;
  /** Missing while the device is still being read. */
  values: Record<string, number | null> | undefined;
}

/** How far a viewer has read each curve. */
export type CurveCursors = Record<SeriesName, SeriesCursor>;

/**
 * The curves of a run, bounded. A loss is read off the device only for the points that are kept, and
 * nothing waits for it.
 */
export class LiveCurves {
  /** How many batches of training were begun. */
  step = 0;
  readonly #series: Record<SeriesName, DownsampledSeries<Point>>;
  readonly #reading = new Set<Promise<void>>();

  /** @param limit At most how many points of each curve are kept, an integer >= 2. */
  constructor(limit: number) {
    const series = () => new DownsampledSeries<Point>(limit);
    this.#series = { batches: series(), epochs: series(), validations: series() };
  }

  /** Counts a batch of training; keeps its loss and learning rate, if its turn has come. */
  addBatch(learner: AnyLearner): void {
    const step = ++this.step;
    const { loss } = learner;
    if (!loss || loss.isDisposed || learner.cancelled.has("batch")) return;
    this.#series.batches.add(() => {
      const rate = rateOf(learner);
      if (NEAR.includes(tf.getBackend())) {
        return { step, values: { loss: jsonNumber(loss.dataSync()[0]), rate } };
      }
      const point: Point = { step, values: undefined };
      const reading = this.#read(loss, rate, point)
        .finally(() => this.#reading.delete(reading));
      this.#reading.add(reading);
      return point;
    });
  }

  /** Waits for what is being read, so that no tensor outlives the run. */
  async settled(): Promise<void> {
    await Promise.all(this.#reading);
  }

  /** Keeps what was measured of an epoch or a validation. */
  addPhase(name: "epochs" | "validations", phase: MeasuredPhase, learner: AnyLearner): void {
    const values = jsonNumbers(metricsOfPhase(learner, phase));
    this.#series[name].add(() => ({ step: this.step, values }));
  }

  /** What a new viewer has read. */
  cursors(): CurveCursors {
    const cursor = () => ({ generation: -1, read: 0 });
    return { batches: cursor(), epochs: cursor(), validations: cursor() };
  }

  /** What is new for a viewer. */
  *since(cursors: CurveCursors): Iterable<LivePoints> {
    for (const series of ["batches", "epochs", "validations"] as const) {
      const all = this.#series[series];
      const { reset, points } = all.since(cursors[series], ({ values }) => values !== undefined);
      if (!reset && points.length === 0) continue;
      const { stride, total } = all;
      yield {
        type: "points",
        series,
        reset,
        stride,
        total,
        points: points as LivePoints["points"],
      };
    }
  }

  async #read(loss: tf.Tensor, rate: number | null, point: Point): Promise<void> {
    const copy = loss.clone();
    try {
      const [value] = await copy.data();
      point.values = { loss: jsonNumber(value), rate };
    } catch {
      point.values = { loss: null, rate }; // the run hears of a device that is lost by itself
    } finally {
      copy.dispose();
    }
  }
}

/** The learning rate of an optimizer that has one. */
export function rateOf(learner: AnyLearner): number | null {
  try {
    return learner.learningRate;
  } catch {
    return null;
  }
}

/** A number that JSON has; it has neither NaN nor infinities. */
export function jsonNumber(value: number | undefined): number | null {
  return Number.isFinite(value) ? value as number : null;
}

/** Numbers that JSON has. */
export function jsonNumbers(values: Record<string, number>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, jsonNumber(value)]),
  );
}
