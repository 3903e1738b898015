import type { AnyCallback } from "./callback_protocol.ts";
import { CompiledStep, type StepState } from "./compiled_step.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { StepOf } from "./step.ts";
import { isSameKey, keyOf, type StepKind, whyEager } from "./step_key.ts";

/** Number of steps with different keys that are kept at the same time. */
const KEPT = 8;

/**
 * Takes the steps of a Learner. Of each kind and shape, the first step is taken operation by operation;
 * so are the second and the third, which are recorded. If both recordings agree, the following ones
 * are played back: that gives the same bits, without the work of TensorFlow.js's engine.
 *
 * A step that may depend on more than its inputs is always taken operation by operation. Between two
 * runs, recordings are kept without their memory, but for that of small predictions.
 */
export class CompiledSteps {
  /** The one that was used last comes first. */
  readonly #programs: CompiledStep[] = [];
  #state: StepState | undefined;

  /** The way in which the last step was taken; `undefined` before the first. */
  get state(): StepState | undefined {
    return this.#state;
  }

  /**
   * Takes a step.
   *
   * @param step The step.
   * @param kind Its kind.
   * @param listeners The callbacks with a hook in the middle of the step.
   * @param eager Takes it operation by operation.
   */
  take(
    step: StepOf,
    kind: StepKind,
    listeners: readonly AnyCallback[],
    eager: (step: StepOf) => void,
  ): void {
    const key = keyOf(step, kind, listeners);
    if (typeof key === "string") {
      this.#state = { way: "eager", reason: key };
      return eager(step);
    }
    let program = this.#programs.find((other) => isSameKey(other.key, key));
    if (program) this.#programs.splice(this.#programs.indexOf(program), 1);
    else program = new CompiledStep(step.learner, key);
    this.#programs.unshift(program);
    this.#programs.splice(KEPT).forEach((old) => old.dispose());
    try {
      program.take(step, () => eager(step));
    } finally {
      this.#state = program.state;
    }
  }

  /** Frees the memory of all recordings, at the end of a run, except that of small predictions. */
  release(): void {
    for (const program of this.#programs) program.endRun();
  }
}

/** Describes how the steps of a Learner are taken; `last` is the state of the last one, if any. */
export function describeSteps(learner: AnyFields, last: StepState | undefined): string {
  const reason = last?.reason ?? whyEager(learner, "compute");
  return reason === undefined ? "compiled" : `operation by operation, as ${reason}`;
}
