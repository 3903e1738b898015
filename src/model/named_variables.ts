import type { tf } from "../deps/tfjs.ts";
import { matchesName } from "../text/matches_name.ts";
import { type Model, variablesOf } from "./model.ts";

/** A variable of a model, and the names under which it can be chosen. */
export interface NamedVariable {
  /** The variable. */
  readonly variable: tf.Variable;
  /** The names of the models and layers that contain it, and its own. */
  readonly names: readonly string[];
  /** The layer that owns it; `undefined` in a model that is not made of layers. */
  readonly layer?: tf.layers.Layer;
}

/** Lists the variables of a model with their names. A model with an input shape is built first. */
export function namedVariables(model: tf.LayersModel | Model): NamedVariable[] {
  if (!("trainableWeights" in model)) {
    return variablesOf(model).map((variable) => ({ variable, names: [variable.name] }));
  }
  // Building a model later would make all of its weights trainable again.
  if (!model.built && model.inputs?.length > 0) model.build(model.inputs[0].shape);
  return [...variablesOfLayers(model.layers, [])];
}

/**
 * Chooses variables of a model by name.
 *
 * @param action Completes "Cannot …".
 * @param model The model.
 * @param patterns The name of a layer, of a model within the model or of a weight; an expression that
 *   matches a part of such a name.
 * @returns The variables that match a pattern, each once.
 * @throws {RangeError} If a pattern matches no variable and no layer.
 */
export function chooseVariables(
  action: string,
  model: tf.LayersModel | Model,
  patterns: readonly (string | RegExp)[],
): NamedVariable[] {
  const named = namedVariables(model);
  const chosen = new Set<NamedVariable>();
  for (const pattern of patterns) {
    const matching = named.filter(({ names }) => matchesName(pattern, names));
    for (const one of matching) chosen.add(one);
    // A list of all layers but the head has layers without weights, too.
    if (matching.length > 0 || matchesName(pattern, layerNames(model))) continue;
    const known = [...new Set(named.flatMap(({ names }) => names))].join(", ");
    throw new RangeError(
      `Cannot ${action} as ${pattern} must be the name of a layer or weight: there are ${known}`,
    );
  }
  return [...chosen];
}

function* variablesOfLayers(
  layers: tf.layers.Layer[],
  outer: readonly string[],
): Iterable<NamedVariable> {
  for (const layer of layers) {
    const names = [...outer, layer.name];
    if ("layers" in layer) yield* variablesOfLayers(layer.layers as tf.layers.Layer[], names);
    else {
      for (const weight of layer.weights) {
        const variable = weight.read() as tf.Variable;
        yield { variable, names: [...names, weight.originalName], layer };
      }
    }
  }
}

/** The names of all layers, those without weights and those of models within the model included. */
function layerNames(model: object): string[] {
  const layers = "layers" in model ? model.layers as tf.layers.Layer[] : [];
  return layers.flatMap((layer) => [layer.name, ...layerNames(layer)]);
}
