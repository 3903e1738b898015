import * as field from "../checks/fields.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import {
  type AnyLearner,
  type CallbackLike,
  type MeasuredPhase,
  nameOf,
  PassCallback,
  type StateCheck,
} from "../learner/callback.ts";
import type { StepState } from "../learner/compiled_step.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { textTable } from "../text/text.ts";

/**
 * The time of a pass.
 *
 * @category Callbacks
 */
export interface PhaseTime {
  /** Time by the clock, with pauses, in s. */
  seconds: number;
  /** Number of examples that were processed. */
  examples: number;
}

/**
 * The time of one hook of one callback, or of one task of the Learner.
 *
 * @category Callbacks
 */
export interface WorkTime {
  /** The name of the callback; `"Learner"` for its own tasks. */
  owner: string;
  /** The hook or task. */
  work: HookName | TaskName;
  /** Number of calls. */
  calls: number;
  /** Total time; that of `compute` and `evaluate` includes the hooks in the middle of the step. */
  seconds: number;
}

/**
 * Number of steps of each kind: played back from a recording, recorded, or neither.
 *
 * @category Callbacks
 */
export type StepCounts = Record<StepState["way"], number>;

interface State {
  phases: Map<MeasuredPhase, PhaseTime>;
  work: WorkTime[];
  training: boolean;
  current: MeasuredPhase | undefined;
  steps?: StepCounts;
}

/** The work with which a pass begins. */
const BEGINS: Partial<Record<HookName | TaskName, MeasuredPhase>> = {
  beforeEpoch: "train",
  openTrain: "train",
  beforeValidate: "validation",
  openValidation: "validation",
  beforeTest: "test",
  openTest: "test",
};

/**
 * Times a run: seconds and examples per second of each pass, and the cost of each callback.
 *
 * Work that a backend does later than it is asked to, as WebGPU does, counts where it is awaited.
 *
 * @example
 * ```ts
 * import { Timer } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const timer = new Timer();
 * // await new Learner({ callbacks: [timer], … }).train(); console.log(String(timer));
 * assertEquals(timer.work, []);
 * ```
 *
 * @category Callbacks
 */
export class Timer extends PassCallback {
  /** Last, so that a pass ends after the hooks of all others. */
  override priority: number = PRIORITIES.last;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  #phases = new Map<MeasuredPhase, PhaseTime>();
  #work = new Map<string, WorkTime>();
  #steps: StepCounts = { played: 0, recorded: 0, eager: 0 };
  #reason: string | undefined;
  #training = false;
  #current: MeasuredPhase | undefined;
  #marked = 0;

  /** Times of the passes of the last run. */
  get phases(): Partial<Record<MeasuredPhase, PhaseTime>> {
    return Object.fromEntries(this.#phases);
  }

  /** Times of the hooks and tasks of the last run, the most expensive first. */
  get work(): WorkTime[] {
    return [...this.#work.values()].sort((a, b) => b.seconds - a.seconds);
  }

  /** Number of steps of the last run, of all passes, that were played back, recorded or neither. */
  get steps(): StepCounts {
    return { ...this.#steps };
  }

  /** Starts a stopwatch. */
  override watch = (work: HookName | TaskName, callback?: CallbackLike): () => void => {
    if (work === "beforeTrain" && !this.#training) this.#reset();
    this.#mark(BEGINS[work] ?? this.#current);
    const began = performance.now();
    return () => {
      const owner = callback ? nameOf(callback) : "Learner";
      const key = `${owner}.${work}`;
      const time = this.#work.get(key) ?? { owner, work, calls: 0, seconds: 0 };
      time.calls++;
      time.seconds += (performance.now() - began) / 1000;
      this.#work.set(key, time);
      this.#mark(this.#current);
    };
  };

  /** Does nothing: it makes sure that there is a `beforeTrain` to watch. */
  override beforeTrain(): void {}

  /** Counts examples. */
  protected override afterPassBatch(learner: AnyLearner, pass: MeasuredPhase): void {
    this.#phase(pass).examples += learner.batchSize;
    const { stepState } = learner;
    if (!stepState) return;
    this.#steps[stepState.way]++;
    this.#reason = stepState.reason;
  }

  /** Ends the pass. */
  protected override afterPass(): void {
    this.#mark(undefined);
  }

  /** Ends the training. */
  override afterTrain(): void {
    this.#training = false;
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    phases: field.mapOf(
      field.oneOf(["train", "validation", "test"]),
      field.record({ seconds: field.number(), examples: field.number() }),
    ),
    work: field.list(field.record({
      owner: field.text,
      work: field.text,
      calls: field.integer({ min: 0 }),
      seconds: field.number(),
    })),
    training: field.flag,
    current: field.optional(field.oneOf(["train", "validation", "test"])),
    steps: field.optional(field.recordOf(field.integer({ min: 0 }))),
  });

  /** The times so far, for a checkpoint. */
  override state(): unknown {
    this.#mark(this.#current);
    return {
      phases: this.#phases,
      work: [...this.#work.values()],
      training: this.#training,
      current: this.#current,
      steps: this.steps,
    } satisfies State;
  }

  /** Continues from a checkpoint; the time in between does not count. */
  override restore(state: unknown): void {
    const { phases, work, training, current, steps } = state as State;
    this.#steps = { played: 0, recorded: 0, eager: 0, ...steps };
    this.#phases = phases;
    this.#work = new Map(work.map((time) => [`${time.owner}.${time.work}`, time]));
    this.#training = training;
    this.#current = current;
    this.#marked = performance.now();
  }

  /**
   * Two tables, the passes and the work that took at least a thousandth of the time, and a line about
   * the steps.
   */
  override toString(): string {
    const phases = [...this.#phases].map(([phase, { seconds, examples }]) => [
      phase,
      seconds.toFixed(3),
      String(examples),
      seconds > 0 ? (examples / seconds).toFixed(0) : "-",
    ]);
    const total = [...this.#phases.values()].reduce((sum, { seconds }) => sum + seconds, 0);
    const work = this.work.filter(({ seconds }) => seconds >= total / 1000)
      .map(({ owner, work, calls, seconds }) => [
        `${owner}.${work}`,
        String(calls),
        seconds.toFixed(3),
        (1000 * seconds / calls).toFixed(3),
        `${(100 * seconds / total).toFixed(1)}%`,
      ]);
    return [
      textTable([["phase", "seconds", "examples", "examples/s"], ...phases]),
      textTable([["work", "calls", "seconds", "ms/call", "share"], ...work]),
      this.#describeSteps(),
    ].join("\n\n");
  }

  #describeSteps(): string {
    const { played, recorded, eager } = this.#steps;
    const reason = this.#reason === undefined ? "" : ` (${this.#reason})`;
    return `steps  ${played} played back, ${recorded} recorded, ${eager} neither${reason}`;
  }

  #reset(): void {
    this.#steps = { played: 0, recorded: 0, eager: 0 };
    this.#reason = undefined;
    this.#phases = new Map();
    this.#work = new Map();
    this.#training = true;
    this.#current = undefined;
  }

  /** Adds the time since the last mark to the current pass. */
  #mark(next: MeasuredPhase | undefined): void {
    const now = performance.now();
    if (this.#current) this.#phase(this.#current).seconds += (now - this.#marked) / 1000;
    this.#marked = now;
    this.#current = next;
  }

  #phase(phase: MeasuredPhase): PhaseTime {
    let time = this.#phases.get(phase);
    if (!time) this.#phases.set(phase, time = { seconds: 0, examples: 0 });
    return time;
  }
}
