import { HOOK_NAMES } from "../chart/hooks.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { CallbackList } from "./callback_list.ts";

/**
 * Lists the callbacks of each hook.
 *
 * @returns One line for each hook that has callbacks, in the order in which hooks run; in it the
 *   callbacks in the order in which they are called, each with its priority.
 */
export function describeCallbacks(callbacks: readonly AnyCallback[]): string {
  const list = new CallbackList();
  const used = HOOK_NAMES.map((hook) => [hook, list.listeners(hook, callbacks)] as const)
    .filter(([, listeners]) => listeners.length > 0);
  const width = Math.max(0, ...used.map(([hook]) => hook.length));
  return used.map(([hook, listeners]) => {
    const names = listeners.map((callback) => `${nameOf(callback)} (${callback.priority ?? 0})`);
    return `${hook.padEnd(width)}  ${names.join(", ")}`;
  }).join("\n");
}
