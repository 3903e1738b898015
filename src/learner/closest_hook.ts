import { closest } from "../deps/levenshtein.ts";
import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";

/** How Keras, Lightning and fast.ai name hooks, step by step in words of ours. */
const TRANSLATIONS: [pattern: RegExp, ours: string][] = [
  [/_/g, ""],
  [/^on(?=before|after)/i, ""],
  [/^on(.+)(begin|start)$/i, "before$1"],
  [/^on(.+)end$/i, "after$1"],
  [/^(before|after)cancel/i, "onCancel"],
  [/^onexception$/i, "onError"],
  [/fit$/i, "Train"],
  [/optimizer(?=step$)/i, ""],
  [/train(ing)?(?=batch$|epoch$)/i, ""],
  [/val(idation)?batch$/i, "ValidationBatch"],
  [/val(idation)?(epoch)?$/i, "Validate"],
  [/testepoch$/i, "Test"],
  [/pred$/i, "Predict"],
];

/** The hook that is most likely meant by a name that is none. */
export function closestHook(name: string): HookName {
  const ours = TRANSLATIONS.reduce((name, [pattern, ours]) => name.replace(pattern, ours), name);
  return closest(ours, HOOK_NAMES) as HookName;
}
