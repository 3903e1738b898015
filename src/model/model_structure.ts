/**
 * The layers of which a model is made: their description for checkpoints, and whether all of them are
 * TensorFlow.js's own, so that a step depends on its inputs, its weights and their settings alone.
 *
 * @module
 */
import { movesStatistics } from "../backend/fix_layers/fix_normalization.ts";
import { tf } from "../deps/tfjs.ts";
import { encodeHex } from "../text/text.ts";
import { type AnyLayer, layersIn, layersOf } from "./layers.ts";
import { type Model, trainableVariables, variablesOf } from "./model.ts";

/**
 * The layers and weights of a model, without the names that differ from process to process.
 *
 * @category Models
 */
export interface ModelStructure {
  /** SHA-256 of `layers` and of the weights but for their names. */
  readonly digest: string;
  /** Each layer as JSON. */
  readonly layers: readonly string[];
  /** Each weight, in order. */
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
  }[];
}

/** Describes a model independently of the names of its layers in this process. */
export async function modelStructure(model: tf.LayersModel | Model): Promise<ModelStructure> {
  const layers = describeLayers(layersOf(model));
  const weights = variablesOf(model).map(({ name, shape, dtype }) => ({ name, shape, dtype }));
  return { digest: await structureDigest(layers, weights), layers, weights };
}

/** Returns the digest of layers and weights, in which the names of weights have no part. */
export async function structureDigest(
  layers: ModelStructure["layers"],
  weights: ModelStructure["weights"],
): Promise<string> {
  const text = JSON.stringify([layers, weights.map(({ shape, dtype }) => [shape, dtype])]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return encodeHex(new Uint8Array(digest));
}

/** Lists the differences between the model of a checkpoint and the current one, a line each. */
export function differencesOf(saved: ModelStructure, actual: ModelStructure): string[] {
  if (saved.digest === actual.digest) return [];
  const layers = compare("layer", ...describeDifferences(saved.layers, actual.layers));
  const line = ({ shape, dtype }: ModelStructure["weights"][number]) => `[${shape}] ${dtype}`;
  const names = actual.weights.map(({ name }) => name);
  return [
    ...layers,
    ...compare("weight", saved.weights.map(line), actual.weights.map(line), names),
  ];
}

function compare(
  kind: string,
  saved: readonly string[],
  actual: readonly string[],
  names: readonly string[] = [],
): string[] {
  return Array.from({ length: Math.max(saved.length, actual.length) }, (_, index) => index)
    .filter((index) => saved[index] !== actual[index])
    .map((index) =>
      `${kind} ${names[index] ?? index} is ${saved[index] ?? "missing"} in the checkpoint, ` +
      `${actual[index] ?? "missing"} in the model`
    );
}

/** Describes layers; of layers of the same class in the same place, only the differing settings. */
function describeDifferences(
  saved: readonly string[],
  actual: readonly string[],
): [string[], string[]] {
  const describe = (ours: readonly string[], others: readonly string[]) =>
    ours.map((text, index) => {
      const layer = JSON.parse(text);
      const other = JSON.parse(others[index] ?? "{}");
      if (layer.class !== other.class) return layer.class;
      const differing = Object.keys({ ...other, ...layer })
        .map((name) => [name, JSON.stringify(layer[name]), JSON.stringify(other[name])])
        .filter(([, own, others]) => own !== others);
      return [layer.class, ...differing.map(([name, own]) => `${name} ${own}`)].join(" ");
    });
  return [describe(saved, actual), describe(actual, saved)];
}

/** Replaces names by the order in which they appear: the wiring is kept, the names are not. */
function describeLayers(layers: readonly tf.layers.Layer[]): string[] {
  const numbers = new Map<string, string>();
  return layers.map((layer) => {
    // Building and applying a model add the same nodes again.
    const inputs = layer.inboundNodes.map(({ inboundLayers }) =>
      inboundLayers.map((input) => layers.indexOf(input)).filter((index) => index >= 0).join()
    );
    const text = {
      class: layer.getClassName(),
      ...layer.getConfig(),
      inputs: [...new Set(inputs)].filter(Boolean),
    };
    return JSON.stringify(text, (key, value) => {
      if (typeof value !== "string") return value;
      if (key === "name" && !numbers.has(value)) numbers.set(value, `#${numbers.size}`);
      return numbers.get(value) ?? value;
    });
  });
}

/** Activations of TensorFlow.js, by the names of their classes. */
const ACTIVATIONS = [
  ...["elu", "gelu", "gelu_new", "hardSigmoid", "linear", "logSoftmax", "mish", "relu", "relu6"],
  ...["selu", "sigmoid", "softmax", "softplus", "softsign", "swish", "tanh"],
];

const STOCK: ReadonlySet<unknown> = stockClasses();

/** The classes of layers and activations, as they are when this module is loaded. */
function stockClasses(): Set<unknown> {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const layers = Object.keys(tf.layers).map((name) => name.toLowerCase());
  const names = Object.keys(classNameMap).filter((name) =>
    ACTIVATIONS.includes(name) || layers.includes(name.toLowerCase())
  );
  return new Set<unknown>([
    tf.LayersModel,
    tf.Sequential,
    ...names.map((name) => classNameMap[name][0]),
  ]);
}

/**
 * Says why a model may depend on more than its inputs, its weights and the settings of its layers.
 *
 * @returns The reason; `undefined` if it does not.
 */
function whyNotStock(model: unknown): string | undefined {
  if (!(model instanceof tf.LayersModel)) return "the model is not made of layers";
  if (!isStock(model)) return "the model is of a class of its own, or was changed";
  for (const layer of layersIn(model)) {
    if (!isStock(layer)) return `layer ${layer.name} is not one of TensorFlow.js, or was changed`;
  }
}

/** Whether an object is what TensorFlow.js has made. */
function isStock(layer: object): boolean {
  if (!STOCK.has(layer.constructor)) return false;
  if (Object.hasOwn(layer, "call") || Object.hasOwn(layer, "apply")) return false;
  const parts = layer as Record<string, { constructor: unknown } | null | undefined>;
  if (parts._callHook) return false;
  const { activation, recurrentActivation } = parts;
  if (activation && !STOCK.has(activation.constructor)) return false;
  if (recurrentActivation && !STOCK.has(recurrentActivation.constructor)) return false;
  return hasStockLosses(layer as AnyLayer);
}

/** Whether each loss of a layer is that of one of TensorFlow.js's regularizers. */
function hasStockLosses(layer: AnyLayer): boolean {
  const { _losses: losses = [] } = layer as unknown as { _losses?: unknown[] };
  if (losses.length === 0) return true;
  const regularizers = Object.entries(layer).filter(([name, value]) =>
    name.toLowerCase().endsWith("regularizer") && value
  );
  const stock = tf.regularizers.l1l2().constructor;
  return regularizers.length >= losses.length &&
    regularizers.every(([, value]) => (value as object).constructor === stock);
}

/** The settings of layers, as text: a change of one may change the steps. */
function settingsOf(layers: Iterable<AnyLayer>): string {
  const settings: unknown[] = [];
  for (const layer of layers) {
    if ("layers" in layer) continue;
    settings.push(layer.getConfig());
    if (layer.getClassName() === "BatchNormalization") settings.push(movesStatistics(layer));
  }
  return JSON.stringify(settings);
}

/** Facts about a model on which its steps depend. */
export interface ModelFacts {
  /** Why the model may depend on more than its inputs, weights and settings, if it may. */
  readonly notStock: string | undefined;
  /** The settings of all layers. */
  readonly settings: string;
  /** The weights that are trained now; `undefined` of a model that is not made of layers. */
  readonly trained: readonly tf.Variable[] | undefined;
  /** The layers that may keep states from batch to batch. */
  readonly stateful: readonly AnyLayer[];
  /** All weights, which may have constraints; `undefined` of a model that is not made of layers. */
  readonly weights: readonly { readonly constraint?: unknown }[] | undefined;
}

const FACTS = new WeakMap<object, { facts: ModelFacts; watch: ModelWatch }>();

/** The facts about a model that is built: those of one made of layers are found once for each change. */
export function factsOf(model: tf.LayersModel | Model): ModelFacts {
  const known = FACTS.get(model);
  if (known?.watch.isSame()) return known.facts;
  const layers = layersIn(model), settings = settingsOf(layers);
  const isMadeOfLayers = model instanceof tf.LayersModel;
  const facts: ModelFacts = {
    notStock: whyNotStock(model),
    // The same string, which is compared at once.
    settings: known?.facts.settings === settings ? known.facts.settings : settings,
    trained: isMadeOfLayers
      ? trainableVariables(model).filter(({ trainable }) => trainable)
      : undefined,
    stateful: [...layers].filter((layer) => "states_" in layer),
    weights: isMadeOfLayers ? model.weights as ModelFacts["weights"] : undefined,
  };
  if (isMadeOfLayers) FACTS.set(model, { facts, watch: new ModelWatch(model, layers) });
  return facts;
}

/** Whether the weights of a model, as its facts were found last, have no constraints now. */
export function isUnconstrained(model: object): boolean {
  const { weights } = FACTS.get(model)?.facts ?? {};
  if (!weights) return false;
  for (let i = 0; i < weights.length; i++) if (weights[i].constraint) return false;
  return true;
}

/** A weight of a layer. */
interface LayerWeight {
  readonly trainable_: boolean;
  readonly val: tf.Variable;
}

/** Properties of layers that change from batch to batch. */
const CHANGING = new Set(["states_", "keptStates"]);

/** Lists on which no step depends. */
const IDLE = new Set([
  "inboundNodes",
  "outboundNodes",
  "_addedWeightNames",
  "_updates",
  "inputSpec",
]);

/** Stands for a value that may change. */
const ANY = Symbol("any");

/**
 * Finds changes of the layers of a model: of all their properties, of the lists there, of regularizers
 * and of the places of weights. That takes a third of the time in which layers describe themselves.
 */
class ModelWatch {
  readonly #objects: object[] = [];
  readonly #values: unknown[][] = [];
  readonly #layers: { layer: AnyLayer; call: unknown; apply: unknown; constructor: unknown }[] = [];
  readonly #lists: { list: unknown[]; items: unknown[] }[] = [];
  readonly #weights: { weight: LayerWeight; own: boolean; val: tf.Variable; trainable: boolean }[] =
    [];
  readonly #averages: { layer: AnyLayer; moves: boolean }[] = [];

  constructor(model: tf.LayersModel, layers: Iterable<AnyLayer>) {
    const { model: inner } = model as { model?: AnyLayer };
    for (const layer of new Set([model as AnyLayer, ...inner ? [inner] : [], ...layers])) {
      const { call, apply, constructor } = layer;
      this.#layers.push({ layer, call, apply, constructor });
      this.#watch(layer);
      if (layer.getClassName() === "BatchNormalization") {
        this.#averages.push({ layer, moves: movesStatistics(layer) });
      }
    }
  }

  #watch(object: object): void {
    const values = Object.entries(object).map(([name, value]) => {
      if (CHANGING.has(name)) return ANY;
      if (Array.isArray(value)) {
        if (!IDLE.has(name)) this.#watchList(value);
      } else if (value && name.toLowerCase().endsWith("regularizer")) this.#watch(value);
      return value;
    });
    this.#objects.push(object);
    this.#values.push(values);
  }

  #watchList(list: unknown[]): void {
    this.#lists.push({ list, items: [...list] });
    for (const item of list) {
      if (Array.isArray(item)) this.#watchList(item);
      else if ((item as LayerWeight | undefined)?.val instanceof tf.Variable) {
        const weight = item as LayerWeight, { trainable_: own, val } = weight;
        this.#weights.push({ weight, own, val, trainable: val.trainable });
      }
    }
  }

  /** Whether all is as it was. */
  isSame(): boolean {
    for (let i = 0; i < this.#objects.length; i++) {
      if (!areSame(Object.values(this.#objects[i]), this.#values[i])) return false;
    }
    for (const { layer, call, apply, constructor } of this.#layers) {
      if (layer.call !== call || layer.apply !== apply || layer.constructor !== constructor) {
        return false;
      }
    }
    for (const { list, items } of this.#lists) if (!areSame(list, items)) return false;
    for (const { weight, own, val, trainable } of this.#weights) {
      if (weight.trainable_ !== own || weight.val !== val || val.trainable !== trainable) {
        return false;
      }
    }
    for (const { layer, moves } of this.#averages) {
      if (movesStatistics(layer) !== moves) return false;
    }
    return true;
  }
}

function areSame(values: readonly unknown[], before: readonly unknown[]): boolean {
  if (values.length !== before.length) return false;
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== before[i] && before[i] !== ANY) return false;
  }
  return true;
}
