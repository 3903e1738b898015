/**
 * The layers of which a model is made, also those within models and wrappers, and what they keep from
 * batch to batch: states of recurrent layers, moving statistics.
 *
 * @module
 */
import { type AnyLayer as Inner, eachInnerLayer } from "../backend/fix_layers/layer_class.ts";
import { tf } from "../deps/tfjs.ts";
import { keyedRandom, withRandom } from "../random/random_numbers.ts";
import { applyModel, type Model } from "./model.ts";

/** A layer with the parts that only some layers have. */
export interface AnyLayer extends tf.layers.Layer {
  /** The layers of a model. */
  readonly layers?: readonly AnyLayer[];
  /** The states of a stateful recurrent layer; `null` before it is built. */
  states_?: tf.Tensor[] | null;
  /** The states of earlier batches, which TensorFlow.js keeps until the layer is reset. */
  keptStates?: tf.Tensor[][] | null;
}

/** Whether a part of a model is a layer: a user's own model may give parts the names of layers. */
export function isLayer(part: unknown): part is AnyLayer {
  return typeof (part as Partial<tf.layers.Layer> | undefined)?.getClassName === "function";
}

/** The layers of a model that are directly in it; none if it is not made of layers. */
export function layersOf(model: object): AnyLayer[] {
  const { layers } = model as { layers?: unknown };
  return Array.isArray(layers) ? layers.filter(isLayer) : [];
}

/**
 * All layers of a model, each once, with those inside of models, wrappers and recurrent layers. A model
 * that is not a layer itself, or a list of models, has those in its properties.
 *
 * @param model The model.
 * @param into Takes the layers: at each step, so this is not a generator.
 */
export function layersIn(model: unknown, into: Set<AnyLayer> = new Set()): Set<AnyLayer> {
  if (isLayer(model)) eachInnerLayer(model, (inner: Inner) => collect(inner, into));
  else eachPart(model, (part) => collect(part, into));
  return into;
}

function collect(layer: AnyLayer, into: Set<AnyLayer>): void {
  if (into.has(layer)) return;
  into.add(layer);
  layersIn(layer, into);
}

/** Visits the layers in the properties of an object, and in the lists, records and models there. */
function eachPart(model: unknown, visit: (layer: AnyLayer) => void, seen = new Set<unknown>()) {
  if (typeof model !== "object" || model === null || seen.has(model)) return;
  seen.add(model);
  for (const { value } of Object.values(Object.getOwnPropertyDescriptors(model))) {
    if (isLayer(value)) visit(value);
    else if (isContainer(value)) eachPart(value, visit, seen);
  }
}

function isContainer(value: unknown): boolean {
  if (Array.isArray(value)) return typeof value[0] === "object";
  if (typeof value !== "object" || value === null || value instanceof tf.Tensor) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || typeof (value as Partial<Model>).apply === "function";
}

/** A layer and the models and wrappers around it, the outermost first. */
export interface PlacedLayer {
  /** The layer. */
  readonly layer: AnyLayer;
  /** The layers around it. */
  readonly around: readonly AnyLayer[];
}

/** Lists all layers of a model with their places, a layer behind the one that contains it. */
export function placedLayers(model: object, around: readonly AnyLayer[] = []): PlacedLayer[] {
  const inner: AnyLayer[] = [];
  if (isLayer(model)) eachInnerLayer(model, (layer: Inner) => inner.push(layer));
  else inner.push(...layersOf(model));
  return inner.flatMap((layer) => [
    { layer, around },
    ...placedLayers(layer, [...around, layer]),
  ]);
}

/** The states that the stateful recurrent layers of a model keep from batch to batch. */
export function statesOf(model: unknown): tf.Tensor[] {
  return [...layersIn(model)].flatMap(({ states_ }) => states_ ?? []);
}

/** Replaces the states of a model, in the order of {@linkcode statesOf}, and disposes the old ones. */
export function replaceStates(model: unknown, states: readonly tf.Tensor[]): void {
  let at = 0;
  for (const layer of layersIn(model)) {
    if (!layer.states_) continue;
    tf.dispose(layer.states_);
    layer.states_ = layer.states_.map(() => states[at++]);
  }
}

/** Disposes the states of earlier batches, which TensorFlow.js keeps in training and never reads. */
export function disposeKeptStates(model: unknown): void {
  for (const layer of layersIn(model)) {
    if (!layer.keptStates?.length) continue;
    tf.dispose(layer.keptStates);
    layer.keptStates = [];
  }
}

/** The layers of a model that keep states, by name, with the shapes of the states. */
export function statefulLayers(model: unknown): { name: string; shapes: number[][] }[] {
  return [...layersIn(model)].flatMap(({ name, states_ }) =>
    states_?.length ? { name, shapes: states_.map(({ shape }) => shape) } : []
  );
}

/**
 * Puts the states of a model aside, so that work on other data does not change them.
 *
 * @param model The model.
 * @param options Whether the layers begin with copies of their states meanwhile. Default: with zeros.
 * @returns Puts the states back, in place of those that the layers have by then.
 */
export function putStatesAside(
  model: unknown,
  { copy = false }: { copy?: boolean } = {},
): AsideStates {
  const aside = [...layersIn(model)].flatMap((layer) => {
    const states = layer.states_;
    if (!states?.length) return [];
    layer.states_ = states.map((state) => tf.keep(copy ? state.clone() : tf.zerosLike(state)));
    return [[layer, states] as const];
  });
  return {
    states: aside.flatMap(([, states]) => states),
    putBack() {
      for (const [layer, states] of aside) {
        tf.dispose([layer.states_ ?? [], layer.keptStates ?? []]);
        layer.states_ = states;
        layer.keptStates = [];
      }
    },
  };
}

/** States of layers that were put aside. */
export interface AsideStates {
  /** The states, in the order of {@linkcode statesOf}. */
  readonly states: readonly tf.Tensor[];
  /** Puts them back; to be called once. */
  putBack(): void;
}

/** A layer of batch normalisation; its type does not declare these properties. */
interface BatchNormalization {
  call: tf.layers.Layer["call"];
  momentum: number;
  readonly movingMean: { read(): tf.Tensor };
  readonly movingVariance: { read(): tf.Tensor };
}

/**
 * Replaces the moving statistics of batch normalisation by means over batches of training data.
 *
 * @param model The model; its other weights and the states of its layers do not change.
 * @param batches The batches to read; the generator disposes them.
 * @param limit The largest number of batches to read, >= 0.
 */
export async function refreshStatistics(
  model: tf.LayersModel | Model,
  batches: () => AsyncIterable<{ data: unknown }>,
  limit: number,
): Promise<void> {
  const layers = normalizations(model);
  if (layers.length === 0 || limit === 0) return;
  const restores = layers.map(averageCalls);
  const aside = putStatesAside(model);
  try {
    let index = 0;
    for await (const { data } of batches()) {
      withRandom(keyedRandom(0, index), () =>
        tf.tidy(() => {
          applyModel(model, data, { training: true });
        }));
      disposeKeptStates(model);
      if (++index >= limit) break;
    }
  } finally {
    aside.putBack();
    for (const restore of restores) restore();
  }
}

/** Makes each moving average the mean of all calls from now on: one for each batch, or for each step in time. */
function averageCalls(layer: BatchNormalization): () => void {
  const { momentum, call } = layer;
  let calls = 0;
  layer.call = (...args) => {
    layer.momentum = calls / ++calls;
    return call.apply(layer, args);
  };
  return () => {
    delete (layer as Partial<BatchNormalization>).call;
    layer.momentum = momentum;
  };
}

/** The variables that training changes without a gradient. */
export function statisticsOf(model: tf.LayersModel | Model): tf.Variable[] {
  if (layersOf(model).length > 0) {
    return normalizations(model).flatMap(({ movingMean, movingVariance }) => [
      movingMean.read() as tf.Variable,
      movingVariance.read() as tf.Variable,
    ]);
  }
  const { variables = [], trainableVariables } = model as Model;
  return variables.filter((variable) => !trainableVariables.includes(variable));
}

/** The layers of batch normalisation in a model. */
function normalizations(model: unknown): BatchNormalization[] {
  return [...layersIn(model)].filter((layer) =>
    layer.getClassName() === "BatchNormalization"
  ) as unknown as BatchNormalization[];
}
