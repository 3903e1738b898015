import { type AnyCallback, nameOf } from "./callback_protocol.ts";

/**
 * Checks that no two callbacks of a training decide the same.
 *
 * @throws {TypeError} If two do.
 */
export function checkDecisions(callbacks: readonly AnyCallback[]): void {
  const deciding = new Map<string, AnyCallback>();
  for (const callback of callbacks) {
    for (const decision of callback?.decides ?? []) {
      const other = deciding.get(decision);
      if (other && other !== callback) {
        throw new TypeError(
          `Cannot train: ${nameOf(other)} and ${nameOf(callback)} both decide ${decision}. ` +
            "Keep one of them.",
        );
      }
      deciding.set(decision, callback);
    }
  }
}
