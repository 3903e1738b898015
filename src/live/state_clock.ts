import { statePaths } from "../diagram/state_paths.ts";
import type { RunSnapshot } from "../learner/run_interface.ts";

interface Stay {
  snapshot: RunSnapshot;
  /** Time spent in this state, in ms. */
  time: number;
}

/** Measures how a run divides its time between the states of its machine. */
export class StateClock {
  /** The configurations of states since the last reading, by name. */
  #stays = new Map<string, Stay>();
  #current: Stay | undefined;
  #since = 0;
  /** Most values are the same few objects: their names are written once. */
  readonly #names = new WeakMap<object, string>();

  /** Begins to measure in a state. */
  start(snapshot: RunSnapshot): void {
    this.stop();
    this.enter(snapshot);
  }

  /** The machine has entered a state. */
  enter(snapshot: RunSnapshot): void {
    const now = performance.now();
    if (this.#current) this.#current.time += now - this.#since;
    this.#since = now;
    const name = this.#nameOf(snapshot.value);
    const stay = this.#stays.get(name) ?? { snapshot, time: 0 };
    stay.snapshot = snapshot;
    this.#stays.set(name, stay);
    this.#current = stay;
  }

  /** Stops measuring. */
  stop(): void {
    this.#stays = new Map();
    this.#current = undefined;
  }

  /**
   * Ends a measurement and begins the next.
   *
   * @returns The snapshot of each state that was entered, and the share of the time that each path
   *   was active, in [0, 1].
   */
  read(): { snapshots: RunSnapshot[]; shares: Record<string, number> } {
    const current = this.#current;
    if (!current) return { snapshots: [], shares: {} };
    this.enter(current.snapshot);
    const stays = [...this.#stays.values()];
    this.start(current.snapshot);
    const total = stays.reduce((sum, { time }) => sum + time, 0);
    const times: Record<string, number> = {};
    for (const { snapshot, time } of total > 0 ? stays : []) {
      for (const path of statePaths(snapshot.value, "learner")) {
        times[path] = (times[path] ?? 0) + time;
      }
    }
    return {
      snapshots: stays.map(({ snapshot }) => snapshot),
      shares: Object.fromEntries(
        Object.entries(times).map(([path, time]) => [path, time / total]),
      ),
    };
  }

  #nameOf(value: unknown): string {
    if (typeof value !== "object" || value === null) return String(value);
    let name = this.#names.get(value);
    if (name === undefined) this.#names.set(value, name = JSON.stringify(value));
    return name;
  }
}
