import { HOOK_NAMES } from "../chart/hooks.ts";
import { type CallbackLike, nameOf } from "./callback.ts";
import { CallbackList } from "./callback_list.ts";

/**
 * Tells who listens to which hook.
 *
 * @returns One line for each hook that somebody listens to, in the order in which hooks run; in it
 *   the callbacks in the order in which they are called, each with its priority.
 */
export function describeCallbacks(callbacks: readonly CallbackLike[]): string {
  const list = new CallbackList();
  const heard = HOOK_NAMES.map((hook) => [hook, list.listeners(hook, callbacks)] as const)
    .filter(([, listeners]) => listeners.length > 0);
  const width = Math.max(0, ...heard.map(([hook]) => hook.length));
  return heard.map(([hook, listeners]) => {
    const names = listeners.map((callback) => `${nameOf(callback)} (${callback.priority ?? 0})`);
    return `${hook.padEnd(width)}  ${names.join(", ")}`;
  }).join("\n");
}
