/**
 * Access to the classes of tfjs's layers, which tfjs does not export.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";

/** A layer's properties, which are private for TypeScript. */
// deno-lint-ignore no-explicit-any
export type AnyLayer = any;

/** A class of layers. */
interface LayerClass {
  prototype: AnyLayer;
  fromConfig(cls: LayerClass, config: Config): AnyLayer;
}

/** Options of a layer. */
// deno-lint-ignore no-explicit-any
type Config = Record<string, any>;

/** The class of layers with some name, such as `Dense`. */
export function layerClass(className: string): LayerClass {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  return classNameMap[className][0] as unknown as LayerClass;
}

/**
 * Changes each layer of a class after its construction, by `tf.layers` or from a file.
 *
 * A bundler for browsers may bind programs to tfjs's own functions: those stay as they are.
 */
export function afterConstruction(
  factory: string,
  className: string,
  change: (layer: AnyLayer, config: Config) => void,
): void {
  const changed = (layer: AnyLayer, config: Config) => {
    change(layer, config);
    return layer;
  };
  const constructor = layerClass(className);
  const { fromConfig } = constructor;
  constructor.fromConfig = (cls, config) => {
    const given = { ...config };
    return changed(fromConfig.call(cls, cls, config), given);
  };
  const factories = tf.layers as unknown as Record<string, (config?: Config) => AnyLayer>;
  if (!Object.getOwnPropertyDescriptor(factories, factory)?.writable) return;
  const make = factories[factory];
  factories[factory] = (config) => changed(make(config), config ?? {});
}

/** The only tensor of a layer's inputs. */
export function onlyTensor(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
  if (!Array.isArray(inputs)) return inputs;
  if (inputs.length === 1) return inputs[0];
  throw new TypeError(
    `Cannot run a layer as it must have one input: current number is ${inputs.length}`,
  );
}

/** Visits the layers that are directly in a layer: in a model, a wrapper or a recurrent layer. */
export function eachInnerLayer(outer: AnyLayer, visit: (layer: AnyLayer) => void): void {
  const { layers, layer, forwardLayer, backwardLayer, cell, cells } = outer;
  if (Array.isArray(layers)) { for (const inner of layers) visitLayer(inner, visit); }
  visitLayer(forwardLayer, visit);
  visitLayer(backwardLayer, visit);
  // A bidirectional layer has copies of the one that it was made of.
  if (!forwardLayer) visitLayer(layer, visit);
  visitLayer(cell, visit);
  if (Array.isArray(cells)) { for (const inner of cells) visitLayer(inner, visit); }
}

function visitLayer(layer: AnyLayer, visit: (layer: AnyLayer) => void): void {
  if (typeof layer?.getClassName === "function") visit(layer);
}
