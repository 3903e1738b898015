/**
 * Variables of a model, chosen by name or grouped by depth.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import { matchesName, type ParameterGroup } from "../optimizers/parameter_groups.ts";
import { type PlacedLayer, placedLayers } from "./layers.ts";
import { type Model, variablesOf } from "./model.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";

/** A variable of a model, and the names under which it can be chosen. */
export interface NamedVariable {
  /** The variable. */
  readonly variable: tf.Variable;
  /** The names of the models and layers that contain it, and its own. */
  readonly names: readonly string[];
  /** The layer of a model that contains it; `undefined` in a model that is not made of layers. */
  readonly layer?: tf.layers.Layer;
  /** The layer that owns it: `layer`, or one that `layer` wraps. */
  readonly owner?: tf.layers.Layer;
}

/** Lists the variables of a model with their names. A model with an input shape is built first. */
export function namedVariables(model: tf.LayersModel | Model): NamedVariable[] {
  if (!("trainableWeights" in model)) {
    return variablesOf(model).map((variable) => ({ variable, names: [variable.name] }));
  }
  // Building a model later would make all of its weights trainable again.
  if (!model.built && model.inputs?.length > 0) model.build(model.inputs[0].shape);
  return variablesOfLayers(model);
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

/** The variables of each layer, in the order of the layers; a wrapper has none of its own. */
function variablesOfLayers(model: tf.LayersModel): NamedVariable[] {
  const owners = new Map<tf.Variable, PlacedLayer>();
  for (const place of placedLayers(model)) {
    if (isCell(place)) continue;
    for (const weight of place.layer.weights) owners.set(weight.read() as tf.Variable, place);
  }
  const named: NamedVariable[] = [];
  for (const { layer, around } of placedLayers(model)) {
    if ("layers" in layer || around.some((outer) => !("layers" in outer))) continue;
    for (const weight of layer.weights) {
      const variable = weight.read() as tf.Variable;
      const { layer: owner, around: outer } = owners.get(variable)!;
      const names = [...outer, owner].map(({ name }) => name);
      named.push({ variable, names: [...names, weight.originalName], layer, owner });
    }
  }
  return named;
}

/** Whether a layer is the cell of a recurrent layer, which users do not name. */
function isCell({ around }: PlacedLayer): boolean {
  const outer = around.at(-1) ?? {};
  return "cell" in outer || "cells" in outer;
}

/** The names of all layers, those without weights and those of models within the model included. */
function layerNames(model: object): string[] {
  return placedLayers(model).filter((place) => !isCell(place)).map(({ layer }) => layer.name);
}

/**
 * Options of {@linkcode groupsByDepth}.
 *
 * @category Optimizers
 */
export interface GroupsByDepthOptions {
  /** The rate of each layer divided by that of the layer above, in (0, 1]. Default: 1 / 2.6. */
  factor?: number;
  /**
   * The rate of the first layer divided by that of the last, in (0, 1]; the rates between are spread
   * evenly on a logarithmic scale. It replaces `factor`. Default: none.
   */
  lowest?: number;
}

/**
 * Makes groups of an optimizer by which the learning rate falls from the last layer of a model to its
 * first: early layers of a trained network need smaller changes than its new head.
 *
 * Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018,
 * https://arxiv.org/abs/1801.06146, section 3.1. It is fast.ai's `slice(1e-5, 1e-3)` with
 * `lowest: 1e-2`, and the parameter groups of a Lightning module's optimizer; Keras has no
 * counterpart.
 *
 * @param model The model, whose layers with weights count; layers of models within it count, too.
 * @param options The rates.
 * @returns A group for each layer with weights, the first layer first.
 * @throws {TypeError} If the model is not made of layers, has no weights yet, or an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { adam, groupsByDepth, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const model = tf.sequential({
 *   layers: [
 *     tf.layers.dense({ name: "body", units: 4, inputShape: [2] }),
 *     tf.layers.dropout({ rate: 0.5 }),
 *     tf.layers.dense({ name: "head", units: 3 }),
 *   ],
 * });
 * const groups = groupsByDepth(model, { factor: 0.1 });
 * assertEquals(groups.map(({ learningRateFactor }) => learningRateFactor), [0.1, 1]);
 * const optimizer = adam(1e-3, { groups }); // 1e-4 for "body"
 * ```
 *
 * @category Optimizers
 */
export function groupsByDepth(
  model: tf.LayersModel,
  options: GroupsByDepthOptions = {},
): ParameterGroup[] {
  const action = "make groups by depth";
  checkOptions(action, options, { factor: true, lowest: true });
  const { factor = 1 / 2.6, lowest } = options;
  checkNumber(action, "factor", factor, { above: 0, max: 1 });
  if (lowest !== undefined) checkNumber(action, "lowest", lowest, { above: 0, max: 1 });
  if (!Array.isArray((model as { layers?: unknown } | undefined)?.layers)) {
    throw new TypeError(
      `Cannot ${action} as model must be a tf.LayersModel: current value is ${
        describeValue(model)
      }`,
    );
  }
  const layers = Map.groupBy(namedVariables(model), ({ layer }) => layer);
  if (layers.size === 0) {
    throw new TypeError(
      `Cannot ${action} as the model must have weights: it has none, or no inputShape`,
    );
  }
  const steps = layers.size - 1;
  const step = lowest === undefined || steps === 0 ? factor : lowest ** (1 / steps);
  return [...layers.values()].map((variables, index) => ({
    match: anyOf(variables.map(({ variable }) => variable.name)),
    learningRateFactor: step ** (steps - index),
  }));
}

/** A pattern that matches whole names. */
function anyOf(names: readonly string[]): RegExp {
  const escaped = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^(?:${escaped.join("|")})$`);
}
