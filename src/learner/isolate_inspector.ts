import { isThenable } from "../chart/event_loop.ts";
import type { RunOptions } from "./options.ts";

/**
 * Isolates a run from its inspector: XState calls it in the middle of a transition, where an error
 * would end the actor without any after hook. The first error is a warning, and the last call.
 */
export function isolateInspector(
  inspect: RunOptions["inspect"],
): ((event: unknown) => void) | undefined {
  if (!inspect) return undefined;
  let failed = false;
  const fail = (error: unknown) => {
    if (failed) return;
    failed = true;
    console.warn("The inspector failed, the run continues without it:", error);
  };
  return (event) => {
    if (failed) return;
    try {
      const result: unknown = typeof inspect === "function"
        ? inspect(event)
        : inspect.next?.(event);
      if (isThenable(result)) Promise.resolve(result).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
