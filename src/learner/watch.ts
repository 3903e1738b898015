import { isThenable } from "../chart/is_thenable.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import type { CallbackLike } from "./callback.ts";

/**
 * Looks at every call of a hook and every task of the Learner: how long it took, what it left.
 *
 * @param work The hook or task that is about to begin.
 * @param callback Whose hook it is; `undefined` for a task, which is the Learner's own work.
 * @returns What to call when it has ended, also by throwing.
 */
export type Watch = (
  work: HookName | TaskName,
  callback: CallbackLike | undefined,
) => (() => void) | void;

/** Does a piece of work under the eyes of all watchers; the first to look is the last to leave. */
export function watched<T>(
  watchers: readonly CallbackLike[],
  work: HookName | TaskName,
  callback: CallbackLike | undefined,
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
