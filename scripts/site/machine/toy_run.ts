import type { Facts } from "../../../src/chart/chart.ts";
import { type HookName, HOOKS, type TaskName } from "../../../src/chart/hooks.ts";
import { type Performer, Pump } from "../../../src/chart/pump.ts";

/** A hook or a task of a run. */
export interface Work {
  readonly name: HookName | TaskName;
  readonly isHook: boolean;
  /** Phases that were cut short before it. */
  readonly cancelled: readonly string[];
}

/** The batches of each loader. */
const BATCHES: Partial<Record<TaskName, number>> = {
  openTrain: 2,
  openValidation: 1,
  openTest: 1,
  openPredict: 2,
};

/**
 * A run without a model: two epochs of two batches, a validation after each, a test. The machine
 * and the pump are those of every run; each hook and each task waits for the reader.
 */
export class ToyRun implements Performer<"reader"> {
  readonly pump: Pump<"reader">;
  /** The work that waits for the reader. */
  waiting: Work | undefined;
  #finish: { resolve(): void; reject(error: unknown): void } | undefined;
  readonly #began: (work: Work) => void;
  readonly #facts = { epoch: 0, epochs: 2, batch: 0, nextObjective: false, validateBatch: false };
  #left = 0;
  #loaded = false;

  /** @param began Called with each piece of work as it begins. */
  constructor(began: (work: Work) => void) {
    this.#began = began;
    this.pump = new Pump(this);
  }

  /** Does the work that waits. */
  next(): void {
    this.#finish?.resolve();
  }

  /** Throws in the hook that waits. */
  throw(error: Error): void {
    this.#finish?.reject(error);
  }

  facts(): Facts {
    return { ...this.#facts, loaded: this.#loaded, validate: true, test: true };
  }

  async perform(task: TaskName): Promise<void> {
    await this.#wait(task, false);
    if (task in BATCHES) [this.#left, this.#facts.batch] = [BATCHES[task]!, 0];
    else if (task === "fetch") this.#loaded = this.#left-- > 0;
    else if (task === "advance") this.#facts.epoch++;
    else if (task === "compute" || task === "evaluate") {
      this.pump.runSynchronously("afterPredict");
      this.pump.runSynchronously("afterLoss");
    }
  }

  listeners(): readonly "reader"[] {
    return ["reader"];
  }

  call(_: "reader", hook: HookName): unknown {
    if (!HOOKS[hook].synchronous) return this.#wait(hook, true);
    this.#began(this.#work(hook, true));
  }

  defines(): boolean {
    return true;
  }

  newcomers(): readonly "reader"[] {
    return [];
  }

  setUp(): void {}

  failed(): void {}

  /** Waits until the reader does the work, or cuts its phase short. */
  async #wait(name: HookName | TaskName, isHook: boolean): Promise<void> {
    this.waiting = this.#work(name, isHook);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#finish = { resolve, reject };
    this.#began(this.waiting);
    try {
      await promise;
    } finally {
      this.waiting = this.#finish = undefined;
    }
  }

  #work(name: HookName | TaskName, isHook: boolean): Work {
    return { name, isHook, cancelled: this.pump.actor.getSnapshot().context.cancelled };
  }
}
