import { stateName } from "./hooks.ts";

/** The phases that can be cut short, from inside to outside. */
const LEVELS = ["batch", "inner", "epoch", "train"] as const;

/**
 * A phase that can be cut short. A validation and a test count as epochs; a validation within an
 * epoch is an inner pass.
 */
export type Level = typeof LEVELS[number];

/**
 * The abort signals of the open phases, each made when it is first asked for.
 *
 * The signal of a batch aborts when the batch, its epoch or the training is cut short, the one of
 * the training only when the training is.
 */
export class Signals {
  readonly #controllers = new Map<Level, AbortController>();
  #reason: unknown;

  /** The signal of the innermost phase that is open in a state of the machine. */
  of(state: unknown): AbortSignal {
    const level = innermost(state);
    let controller = this.#controllers.get(level);
    if (!controller) this.#controllers.set(level, controller = new AbortController());
    return controller.signal;
  }

  /** Aborts the signals of a phase and of all inside it. */
  abort(level: Level, reason: unknown): void {
    this.#reason = reason;
    for (const inner of LEVELS.slice(0, LEVELS.indexOf(level) + 1)) {
      this.#controllers.get(inner)?.abort(reason);
      this.#controllers.delete(inner);
    }
  }

  /** Forgets the signal of a phase that has ended by itself. */
  end(level: Level): void {
    this.#controllers.delete(level);
  }

  /** Whether an error is only the echo of the last abort, thrown by a listener of the signal. */
  echoes(error: unknown): boolean {
    return error === this.#reason;
  }
}

/** The level of the innermost pass in a state of the machine. */
export function passLevel(state: unknown): Exclude<Level, "batch"> {
  const names = stateName(state).split(".").slice(0, -1).filter((name) => name !== "batch");
  if (names[0] === "train") names.shift();
  return names.length > 1 ? "inner" : names.length === 1 ? "epoch" : "train";
}

function innermost(state: unknown): Level {
  return stateName(state).split(".").slice(0, -1).includes("batch") ? "batch" : passLevel(state);
}
