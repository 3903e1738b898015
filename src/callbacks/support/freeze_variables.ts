import type { tf } from "../../deps/tfjs.ts";

/** The number of holds on each frozen variable that was trainable before. */
const HOLDS = new WeakMap<tf.Variable, number>();

/**
 * Freezes variables. One that several callers freeze can be trained again once all of them have
 * released it.
 *
 * @returns Releases the variables; a second call does nothing.
 */
export function freezeVariables(variables: readonly tf.Variable[]): () => void {
  const held = variables.filter((variable) => variable.trainable || HOLDS.has(variable));
  for (const variable of held) {
    HOLDS.set(variable, (HOLDS.get(variable) ?? 0) + 1);
    variable.trainable = false;
  }
  return () => {
    for (const variable of held.splice(0)) {
      const holds = HOLDS.get(variable)! - 1;
      if (holds > 0) HOLDS.set(variable, holds);
      else {
        HOLDS.delete(variable);
        variable.trainable = true;
      }
    }
  };
}
