/**
 * Calls the listeners of hooks: in order, up to the first cancel or error, or all of them.
 *
 * @module
 */
import { Cancellation } from "../errors.ts";
import { isThenable } from "../checks/check_options.ts";
import type { HookName, WorkName } from "./hooks.ts";
import { type PumpState, restoreThrown, storeThrown } from "./pump_state.ts";

/** The listeners of hooks, and what happens to them. */
export interface Listeners<Listener> {
  /** Returns the listeners of a hook, in the order in which they are called. Throws once if one is bad. */
  listeners(hook: HookName): readonly Listener[];
  /** Calls one listener. */
  call(listener: Listener, hook: HookName): unknown;
  /** Whether a listener defines a hook. */
  defines(listener: Listener, hook: HookName): boolean;
  /** Returns the listeners that are new to the run, in the order of their hooks; each once. */
  newcomers(): readonly Listener[];
  /** Sets a new listener up. */
  setUp(listener: Listener): void | Promise<void>;
  /** Called with every error that a listener or a task threw; the first ends the run. */
  failed(error: unknown, work: WorkName | HookName | "setUp", listener?: Listener): void;
}

/** The run in which hooks are called. */
export interface HookedRun {
  /** Returns the number of accepted cancels: work that began under an earlier count is obsolete. */
  cancels(): number;
  /** Returns the value of the machine's state. */
  place(): unknown;
  /** Sends the event that a thrown value stands for. */
  settle(error: unknown, began: number, work: WorkName | HookName): void;
}

/** Thrown through synchronous hooks when a cancel from outside has made their work obsolete. */
export const OBSOLETE: unique symbol = Symbol("obsolete");

const RANK = { batch: 1, epoch: 2, train: 3 };

/** The before hook of each state that has one and stays open while others run. */
const OPENING: readonly (readonly [state: string, hook: WorkName & HookName])[] = [
  ["train", "beforeTrain"],
  ["epoch", "beforeEpoch"],
  ["validate", "beforeValidate"],
  ["test", "beforeTest"],
];

/** A hook whose listeners are being called. */
interface HookCall {
  readonly name: HookName;
  /** Whether all listeners are called, also after a cancel or an error. */
  readonly always: boolean;
  /** Number of cancels before it began. */
  readonly began: number;
  readonly thrown: unknown[];
  /** Number of listeners that were called. */
  called: number;
}

/** Calls the hooks of one run. */
export class HookCalls<Listener> {
  readonly #listeners: Listeners<Listener>;
  readonly #run: HookedRun;
  /** The hook whose listeners are being called. */
  #current: HookCall | undefined;

  /**
   * @param listeners The listeners of hooks.
   * @param run The run.
   */
  constructor(listeners: Listeners<Listener>, run: HookedRun) {
    this.#listeners = listeners;
    this.#run = run;
  }

  /** The hook whose listeners are being called, and whether all of them are called. */
  get current(): { readonly name: HookName; readonly always: boolean } | undefined {
    return this.#current;
  }

  /** Returns the place that the current hook has reached, in plain JSON. */
  state(): PumpState["hook"] {
    if (!this.#current) return undefined;
    const { name, called, thrown } = this.#current;
    const left = this.#listeners.listeners(name).length - called;
    return { name, left, thrown: thrown.map(storeThrown) };
  }

  /** Calls the listeners that were left when a checkpoint was taken in the middle of an after hook. */
  finish({ name, left, thrown }: NonNullable<PumpState["hook"]>): Promise<void> {
    const listeners = this.#listeners.listeners(name);
    const called = Math.max(0, listeners.length - left);
    const call: HookCall = {
      name,
      always: true,
      began: this.#run.cancels(),
      thrown: thrown.map(restoreThrown),
      called,
    };
    this.#current = call;
    return this.#finish(Promise.resolve(), listeners.slice(called), call);
  }

  /** Calls the listeners of a hook one after another; asynchronous only if one of them is. */
  run(hook: HookName, always: boolean): void | Promise<void> {
    const listeners = this.#listenersOf(hook, always);
    if (listeners.length === 0) return;
    const call: HookCall = {
      name: hook,
      always,
      began: this.#run.cancels(),
      thrown: [],
      called: 0,
    };
    this.#current = call;
    for (let index = 0; index < listeners.length && this.#continues(call); index++) {
      const waiting = this.#call(listeners[index], call);
      if (waiting) return this.#finish(waiting, listeners.slice(index + 1), call);
    }
    this.#settleStrongest(call);
  }

  /** Runs a synchronous hook in the middle of a task. */
  runSynchronously(hook: HookName): void {
    const began = this.#run.cancels();
    for (const listener of this.#listeners.listeners(hook)) {
      let result: unknown;
      try {
        result = this.#listeners.call(listener, hook);
      } catch (error) {
        if (!(error instanceof Cancellation)) this.#listeners.failed(error, hook, listener);
        throw error;
      }
      if (isThenable(result)) {
        result.then(undefined, () => {});
        const error = new TypeError(
          `Cannot run ${hook} as it must be synchronous: it returned a promise`,
        );
        this.#listeners.failed(error, hook, listener);
        throw error;
      }
      if (began !== this.#run.cancels()) throw OBSOLETE;
    }
  }

  /**
   * Sets newcomers up. One that comes in the middle of a run then gets the before hooks of the open
   * phases, except those in `pending`, which are about to run.
   */
  async admit(newcomers: readonly Listener[], pending?: readonly WorkName[]): Promise<void> {
    const began = this.#run.cancels();
    for (const listener of newcomers) {
      if (began !== this.#run.cancels()) return;
      try {
        const setting = this.#listeners.setUp(listener);
        if (setting) await setting;
      } catch (error) {
        if (!(error instanceof Cancellation)) this.#listeners.failed(error, "setUp", listener);
        this.#run.settle(error, began, "beforeTrain");
      }
    }
    if (!pending) return;
    const open = statesIn(this.#run.place());
    for (const [state, hook] of OPENING) {
      if (!open.has(state) || pending.includes(hook)) continue;
      const call: HookCall = { name: hook, always: false, began, thrown: [], called: 0 };
      const missing = newcomers.filter((listener) => this.#listeners.defines(listener, hook));
      await this.#finish(Promise.resolve(), missing, call);
    }
  }

  /** The listeners of a hook. A bad one fails the run, and the others are called nevertheless. */
  #listenersOf(hook: HookName, always: boolean): readonly Listener[] {
    try {
      return this.#listeners.listeners(hook);
    } catch (error) {
      this.#run.settle(error, this.#run.cancels(), hook);
      return always ? this.#listeners.listeners(hook) : [];
    }
  }

  async #finish(waiting: Promise<void>, rest: readonly Listener[], call: HookCall): Promise<void> {
    await waiting;
    for (const listener of rest) {
      if (!this.#continues(call)) break;
      await this.#call(listener, call);
    }
    this.#settleStrongest(call);
  }

  #call(listener: Listener, call: HookCall): Promise<void> | undefined {
    const { name, thrown } = call;
    call.called++;
    const caught = (error: unknown) => {
      thrown.push(error);
      if (!(error instanceof Cancellation)) this.#listeners.failed(error, name, listener);
    };
    try {
      const running = this.#listeners.call(listener, name);
      if (isThenable(running)) return Promise.resolve(running).then(() => {}, caught);
    } catch (error) {
      caught(error);
    }
  }

  #continues({ always, thrown, began }: HookCall): boolean {
    return always || (thrown.length === 0 && began === this.#run.cancels());
  }

  /** Settles the strongest of all that the listeners of a hook threw: error > train > epoch > batch. */
  #settleStrongest({ thrown, began, name }: HookCall): void {
    this.#current = undefined;
    if (thrown.length === 0) return;
    const rank = (error: unknown) => error instanceof Cancellation ? RANK[error.cancels] : 4;
    const [strongest] = thrown.toSorted((a, b) => rank(b) - rank(a));
    this.#run.settle(strongest, began, name);
  }
}

/** The names of all states in the value of a snapshot. */
function statesIn(value: unknown, names: Set<string> = new Set()): Set<string> {
  if (typeof value === "string") return names.add(value);
  for (const [name, inner] of Object.entries(value as object)) statesIn(inner, names.add(name));
  return names;
}
