import { isThenable } from "../chart/event_loop.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import type { AnyCallback } from "./callback_protocol.ts";

/** Does a piece of work while all watchers look on; the first to begin is the last to end. */
export function watched<T>(
  watchers: readonly AnyCallback[],
  work: HookName | TaskName,
  callback: AnyCallback | undefined,
  run: () => T,
): T {
  const ends = watchers.map((watcher) => watcher.watch!(work, callback)).reverse();
  const end = () => ends.forEach((end) => end?.());
  let result: T;
  try {
    result = run();
  } catch (error) {
    end();
    throw error;
  }
  if (!isThenable(result)) {
    end();
    return result;
  }
  return Promise.resolve(result).finally(end) as T;
}
