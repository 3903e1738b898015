import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";
import { type CallbackLike, checkCallback, listensTo } from "./callback.ts";

/**
 * The callbacks of a Learner, sorted once.
 *
 * Anybody may push to, reassign or reorder `learner.callbacks`, or change a priority, at any time:
 * a cheap comparison before each hook notices, and only then is the list checked and sorted anew.
 */
export class CallbackList {
  #source: readonly CallbackLike[] = [];
  #priorities: number[] = [];
  /** Who looks at the calls of all the others, as of the last hook. */
  watchers: readonly CallbackLike[] = [];
  #listeners = new Map<HookName, readonly CallbackLike[]>();

  /**
   * Who listens to a hook, in ascending priority, ties in order of addition. The array is never
   * changed: whoever walks it is not disturbed by a callback that adds or removes callbacks.
   *
   * @throws {TypeError} once after a bad callback was added, which is left out from then on.
   */
  listeners(hook: HookName, callbacks: readonly CallbackLike[]): readonly CallbackLike[] {
    if (this.#changed(callbacks)) this.#sort(callbacks);
    return this.#listeners.get(hook)!;
  }

  #changed(callbacks: readonly CallbackLike[]): boolean {
    const source = this.#source;
    if (callbacks.length !== source.length || this.#listeners.size === 0) return true;
    for (let index = 0; index < source.length; index++) {
      if (callbacks[index] !== source[index]) return true;
      if ((source[index]?.priority ?? 0) !== this.#priorities[index]) return true;
    }
    return false;
  }

  #sort(callbacks: readonly CallbackLike[]): void {
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
      this.#listeners.set(hook, sorted.filter((callback) => listensTo(callback, hook)));
    }
    if (errors.length > 0) throw errors[0];
  }
}
