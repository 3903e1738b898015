import type { tf } from "../../deps/tfjs.ts";
import { holdLayer } from "../../backend/fix_layers/fix_normalization.ts";
import type { NamedVariable } from "../../model/named_variables.ts";

/** The number of holds on each frozen variable that was trainable before. */
const HOLDS = new WeakMap<tf.Variable, number>();

/**
 * Freezes variables. One that several callers freeze can be trained again once all of them have
 * released it.
 *
 * @param chosen The variables, with their layers.
 * @param updateStatistics Whether the moving statistics of the layers follow the data.
 * @returns Releases the variables; a second call does nothing.
 */
export function freezeVariables(
  chosen: readonly NamedVariable[],
  updateStatistics: boolean,
): () => void {
  const held = chosen.map(({ variable }) => variable)
    .filter((variable) => variable.trainable || HOLDS.has(variable));
  for (const variable of held) {
    HOLDS.set(variable, (HOLDS.get(variable) ?? 0) + 1);
    variable.trainable = false;
  }
  const layers = new Set(chosen.flatMap(({ owner }) => owner ?? []));
  const releases = [...layers].map((layer) => holdLayer(layer, updateStatistics));
  return () => {
    for (const variable of held.splice(0)) {
      const holds = HOLDS.get(variable)! - 1;
      if (holds > 0) HOLDS.set(variable, holds);
      else {
        HOLDS.delete(variable);
        variable.trainable = true;
      }
    }
    for (const release of releases) release();
  };
}
