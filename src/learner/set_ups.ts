import { isThenable } from "../chart/event_loop.ts";
import type { RunKind } from "../chart/chart.ts";
import type { AnyCallback, PutBack } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";

const NONE: readonly AnyCallback[] = [];

/**
 * Sets the callbacks of one run up, each once, and puts back what they changed: last first, however
 * the run ends.
 */
export class SetUps {
  readonly #known = new Set<AnyCallback>();
  readonly #changes: { readonly callback: AnyCallback; readonly putBack: PutBack }[] = [];
  #list: readonly AnyCallback[] = NONE;

  /** The callbacks that are new to the run, in ascending priority; each is returned once. */
  newcomers(callbacks: readonly AnyCallback[]): readonly AnyCallback[] {
    if (isSame(callbacks, this.#list)) return NONE;
    this.#list = [...callbacks];
    const known = this.#known;
    const newcomers = callbacks.filter((callback) => callback && !known.has(callback));
    for (const callback of newcomers) known.add(callback);
    return newcomers.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  }

  /** Sets a callback up. */
  setUp(callback: AnyCallback, learner: AnyFields, kind: RunKind): void | Promise<void> {
    const add = (putBack: PutBack | void) => {
      if (putBack) this.#changes.push({ callback, putBack });
    };
    const result = callback.setUp?.(learner, kind);
    if (isThenable(result)) return result.then(add);
    add(result);
  }

  /**
   * Puts everything back.
   *
   * @param failed Called with the error of a callback that cannot put its changes back.
   */
  async putBack(failed: (error: unknown, callback: AnyCallback) => void): Promise<void> {
    for (const { callback, putBack } of this.#changes.splice(0).reverse()) {
      try {
        await putBack();
      } catch (error) {
        failed(error, callback);
      }
    }
  }
}

/** Without closures, because this runs before each piece of work. */
function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
