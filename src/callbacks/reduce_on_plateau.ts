import { checkOptions } from "../checks/check_options.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { Monitor, type MonitorOptions } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Options of {@linkcode ReduceOnPlateau}. */
export interface ReduceOnPlateauOptions extends MonitorOptions {
  /** Multiplies the learning rate, in (0, 1). Default: 0.1. */
  factor?: number;
  /** After how many measurements in a row without improvement, an integer >= 1. Default: 10. */
  patience?: number;
  /** How many measurements are passed over after a reduction, an integer >= 0. Default: 0. */
  cooldown?: number;
  /** Never below this rate, per step, finite and >= 0. Default: 0. */
  minimum?: number;
}

/** What is remembered between measurements. */
interface State {
  best: number | null;
  waited: number;
  cooling: number;
  before: number | null;
}

/**
 * Lowers the learning rate when a metric no longer improves. After the training the optimizer has
 * the rate back with which it began.
 *
 * @example
 * ```ts
 * import { ReduceOnPlateau } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const plateau = new ReduceOnPlateau({ monitor: "train.loss", factor: 0.5, patience: 2 });
 * assertEquals(plateau.priority, 200);
 * ```
 */
export class ReduceOnPlateau extends Callback {
  /** Among the schedules. */
  override priority: number = PRIORITIES.schedules;
  readonly #monitor: Monitor;
  readonly #options: Required<Omit<ReduceOnPlateauOptions, keyof MonitorOptions>>;
  #waited = 0;
  #cooling = 0;
  #before: number | undefined;

  /**
   * Checks the options.
   *
   * @param options What to watch, and what to do.
   * @throws {TypeError} If the metric cannot be monitored.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: ReduceOnPlateauOptions = {}) {
    super();
    checkOptions("make a ReduceOnPlateau", options, {
      monitor: true,
      mode: true,
      minDelta: true,
      factor: true,
      patience: true,
      cooldown: true,
      minimum: true,
    });
    this.#monitor = new Monitor(this.name, options);
    const { factor = 0.1, patience = 10, cooldown = 0, minimum = 0 } = options;
    check("factor must be in (0, 1)", factor, factor > 0 && factor < 1);
    check("patience must be an integer >= 1", patience, Number.isInteger(patience) && patience > 0);
    check(
      "cooldown must be an integer >= 0",
      cooldown,
      Number.isInteger(cooldown) && cooldown >= 0,
    );
    check("minimum must be finite and >= 0", minimum, minimum >= 0 && minimum < Infinity);
    this.#options = { factor, patience, cooldown, minimum };
  }

  /** Begins anew. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor.begin(learner);
    this.#waited = this.#cooling = 0;
    this.#before = learner.learningRate;
  }

  /** Looks at a metric of training. */
  override afterEpoch(learner: AnyLearner): void {
    this.#measured(learner, this.#monitor.read(learner, "afterEpoch"));
  }

  /** Looks at a metric of validation. */
  override afterValidate(learner: AnyLearner): void {
    this.#measured(learner, this.#monitor.read(learner, "afterValidate"));
  }

  /** Gives the optimizer its own rate back. */
  override afterTrain(learner: AnyLearner): void {
    if (this.#before !== undefined) learner.learningRate = this.#before;
    this.#before = undefined;
  }

  /** What it remembers, for a checkpoint. */
  override state(): unknown {
    const { best } = this.#monitor;
    return {
      best: Number.isNaN(best) ? null : best,
      waited: this.#waited,
      cooling: this.#cooling,
      before: this.#before ?? null,
    } satisfies State;
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    const { best, waited, cooling, before } = state as State;
    this.#monitor.best = best ?? NaN;
    this.#waited = waited;
    this.#cooling = cooling;
    this.#before = before ?? undefined;
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

function check(requirement: string, value: number, holds: boolean): void {
  if (holds) return;
  throw new RangeError(
    `Cannot make a ReduceOnPlateau as ${requirement}: current value is ${value}`,
  );
}
