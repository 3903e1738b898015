import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { Monitor, type MonitorOptions } from "./support/monitor.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import {
  type OptimizerSettings,
  readSettings,
  settingsField,
  writeSettings,
} from "../learner/learner_optimizers.ts";

/**
 * Options of {@linkcode ReduceOnPlateau}.
 *
 * @category Callbacks
 */
export interface ReduceOnPlateauOptions extends MonitorOptions {
  /** Multiplies the learning rate, in (0, 1). Default: 0.1. */
  factor?: number;
  /** Reduce after this many measurements in a row without improvement, an integer >= 1. Default: 10. */
  patience?: number;
  /** Number of measurements to ignore after a reduction, an integer >= 0. Default: 0. */
  cooldown?: number;
  /** The lowest rate, per step, finite and >= 0. Default: 0. */
  minimum?: number;
}

/** The state between measurements. */
interface State {
  best: number | null;
  waited: number;
  cooling: number;
  /** Settings of the optimizers; the learning rate alone in checkpoints of version 0.1. */
  before: OptimizerSettings | number | null;
}

/**
 * Lowers the learning rate when a metric no longer improves. After the training the optimizer has
 * the rate back that it had before.
 *
 * @example
 * ```ts
 * import { ReduceOnPlateau } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const plateau = new ReduceOnPlateau({ monitor: "train.loss", factor: 0.5, patience: 2 });
 * assertEquals(plateau.priority, 200);
 * ```
 *
 * @category Callbacks
 */
export class ReduceOnPlateau extends Callback {
  /** Among the callbacks that set rates. */
  override priority: number = PRIORITIES.schedules;
  /** Refuses other callbacks that set the rate. */
  override readonly decides: readonly string[] = ["the learning rate"];
  readonly #monitor: Monitor;
  readonly #options: Required<Omit<ReduceOnPlateauOptions, keyof MonitorOptions>>;
  #waited = 0;
  #cooling = 0;
  #before: OptimizerSettings | undefined;

  /**
   * Checks the options.
   *
   * @param options The metric to watch, and the reduction.
   * @throws {TypeError} If the metric cannot be monitored.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: ReduceOnPlateauOptions = {}) {
    super();
    const action = "reduce the learning rate";
    checkOptions(action, options, {
      monitor: true,
      mode: true,
      minDelta: true,
      factor: true,
      patience: true,
      cooldown: true,
      minimum: true,
    });
    this.#monitor = new Monitor(this.name, Monitor.optionsOf(options));
    const { factor = 0.1, patience = 10, cooldown = 0, minimum = 0 } = options;
    checkNumber(action, "factor", factor, { above: 0, below: 1 });
    checkNumber(action, "patience", patience, { integer: true, min: 1 });
    checkNumber(action, "cooldown", cooldown, { integer: true, min: 0 });
    checkNumber(action, "minimum", minimum, { min: 0 });
    this.#options = { factor, patience, cooldown, minimum };
  }

  /** Remembers the optimizer's own rate, and puts it back after the run. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    this.#before ??= readSettings(learner);
    return () => {
      writeSettings(learner, this.#before!);
      this.#before = undefined;
    };
  }

  /** Forgets the last training. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor.begin(learner);
    this.#waited = this.#cooling = 0;
  }

  /** Reads a metric of training. */
  override afterEpoch(learner: AnyLearner): void {
    this.#measured(learner, this.#monitor.read(learner, "afterEpoch"));
  }

  /** Reads a metric of validation. */
  override afterValidate(learner: AnyLearner): void {
    this.#measured(learner, this.#monitor.read(learner, "afterValidate"));
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    best: field.nullable(field.measurement),
    waited: field.integer({ min: 0 }),
    cooling: field.integer({ min: 0 }),
    before: field.nullable((value, path) =>
      typeof value === "number" ? field.number({ min: 0 })(value, path) : settingsField(value, path)
    ),
  });

  /** The state between measurements, for a checkpoint. */
  override state(): unknown {
    const { best } = this.#monitor;
    return {
      best: Number.isNaN(best) ? null : best,
      waited: this.#waited,
      cooling: this.#cooling,
      before: this.#before ?? null,
    } satisfies State;
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    const { best, waited, cooling, before } = state as State;
    this.#monitor.best = best ?? NaN;
    this.#waited = waited;
    this.#cooling = cooling;
    this.#before = typeof before === "number" ? { learningRate: before } : before ?? undefined;
  }

  #measured(learner: AnyLearner, value: number | undefined): void {
    if (value === undefined) return;
    const { factor, patience, cooldown, minimum } = this.#options;
    if (this.#monitor.improves(value)) this.#waited = 0;
    else if (this.#cooling === 0) this.#waited++;
    if (this.#cooling > 0) this.#cooling--;
    if (this.#waited < patience) return;
    learner.learningRate = Math.min(
      learner.learningRate,
      Math.max(minimum, learner.learningRate * factor),
    );
    this.#waited = 0;
    this.#cooling = cooldown;
  }
}
