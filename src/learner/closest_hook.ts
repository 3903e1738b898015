import { closest } from "../deps/levenshtein.ts";
import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";

/** Steps that turn the hook names of Keras, Lightning and fast.ai into those of Trainchart. */
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

/** The hook that a misspelt name most likely means. */
export function closestHook(name: string): HookName {
  const ours = TRANSLATIONS.reduce((name, [pattern, ours]) => name.replace(pattern, ours), name);
  return closest(ours, HOOK_NAMES) as HookName;
}
