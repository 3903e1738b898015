import { type AnyLearner, type MeasuredPhase, metricsOfPhase } from "../learner/callback.ts";
import { tf } from "../deps/tfjs.ts";
import { currentRate, jsonNumber, jsonNumbers } from "./live_numbers.ts";
import { DownsampledSeries, type SeriesCursor } from "./downsampled_series.ts";
import type { LivePoints, SeriesName } from "./messages.ts";

/** Backends whose tensors are in the memory of this process: reading one does not wait. */
const LOCAL_BACKENDS = ["cpu", "wasm"];

interface Point {
  step: number;
  /** `undefined` while the device is being read. */
  values: Record<string, number | null> | undefined;
}

/** Position of a viewer in each curve. */
export type CurveCursors = Record<SeriesName, SeriesCursor>;

/**
 * The curves of a run, bounded. A loss is read off the device only for the points that are kept, and
 * the run does not wait for it.
 */
export class LiveCurves {
  /** Number of training batches that have begun. */
  step = 0;
  readonly #series: Record<SeriesName, DownsampledSeries<Point>>;
  readonly #reading = new Set<Promise<void>>();

  /** @param limit Maximum number of points of each curve, an integer >= 2. */
  constructor(limit: number) {
    const series = () => new DownsampledSeries<Point>(limit);
    this.#series = { batches: series(), epochs: series(), validations: series() };
  }

  /** Counts a training batch, and keeps its loss and learning rate if the curve takes them. */
  addBatch(learner: AnyLearner): void {
    const step = ++this.step;
    const { loss } = learner;
    if (!loss || loss.isDisposed || learner.cancelled.has("batch")) return;
    this.#series.batches.add(() => {
      const rate = currentRate(learner);
      if (LOCAL_BACKENDS.includes(tf.getBackend())) {
        return { step, values: { loss: jsonNumber(loss.dataSync()[0]), rate } };
      }
      const point: Point = { step, values: undefined };
      const reading = this.#read(loss, rate, point)
        .finally(() => this.#reading.delete(reading));
      this.#reading.add(reading);
      return point;
    });
  }

  /** Waits for pending reads, so that no tensor outlives the run. */
  async settled(): Promise<void> {
    await Promise.all(this.#reading);
  }

  /** Keeps the metrics of an epoch or a validation. */
  addPhase(name: "epochs" | "validations", phase: MeasuredPhase, learner: AnyLearner): void {
    const values = jsonNumbers(metricsOfPhase(learner, phase));
    this.#series[name].add(() => ({ step: this.step, values }));
  }

  /** The position of a new viewer. */
  cursors(): CurveCursors {
    const cursor = () => ({ generation: -1, read: 0 });
    return { batches: cursor(), epochs: cursor(), validations: cursor() };
  }

  /** Yields the points that a viewer has not seen, and moves its cursors. */
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
      point.values = { loss: null, rate }; // a lost device fails in the run itself
    } finally {
      copy.dispose();
    }
  }
}
