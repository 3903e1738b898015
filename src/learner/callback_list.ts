import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import { checkCallback } from "./check_callback.ts";

/**
 * The callbacks of a Learner, sorted once.
 *
 * A program may push to, reassign or reorder `learner.callbacks`, or change a priority, at any
 * time: a cheap comparison before each hook notices, and only then the list is checked and sorted
 * again.
 */
export class CallbackList {
  #source: readonly AnyCallback[] = [];
  #priorities: number[] = [];
  /** The callbacks with `watch`, as of the last hook. */
  watchers: readonly AnyCallback[] = [];
  #listeners = new Map<HookName, readonly AnyCallback[]>();

  /**
   * The callbacks that define a hook, in ascending priority, ties in order of addition. The array
   * is never changed: a callback that adds or removes callbacks does not disturb a loop over it.
   *
   * @throws {TypeError} If a bad callback was added: once, and it is left out from then on.
   */
  listeners(hook: HookName, callbacks: readonly AnyCallback[]): readonly AnyCallback[] {
    if (this.#changed(callbacks)) this.#sort(callbacks);
    return this.#listeners.get(hook)!;
  }

  #changed(callbacks: readonly AnyCallback[]): boolean {
    const source = this.#source;
    if (callbacks.length !== source.length || this.#listeners.size === 0) return true;
    for (let index = 0; index < source.length; index++) {
      if (callbacks[index] !== source[index]) return true;
      if ((source[index]?.priority ?? 0) !== this.#priorities[index]) return true;
    }
    return false;
  }

  #sort(callbacks: readonly AnyCallback[]): void {
    const errors: unknown[] = [];
    const sound = callbacks.filter((callback) => {
      try {
        checkCallback(callback);
        return true;
      } catch (error) {
        errors.push(error);
        return false;
      }
    });
    this.#source = [...callbacks];
    this.#priorities = callbacks.map((callback) => callback?.priority ?? 0);
    const sorted = sound.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
    this.watchers = sorted.filter(({ watch }) => typeof watch === "function");
    for (const hook of HOOK_NAMES) {
      const listeners = sorted.filter((callback) => typeof callback[hook] === "function");
      this.#listeners.set(hook, listeners);
    }
    if (errors.length > 0) throw errors[0];
  }
}
