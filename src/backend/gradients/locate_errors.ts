/**
 * Says in which layer an error happened.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";

/** The layers that are being applied, the innermost last. */
const layers: tf.layers.Layer[] = [];

/** Errors whose message says where they happened. */
const located = new WeakSet<Error>();

/** The layer that is being applied. */
export function currentLayer(): tf.layers.Layer | undefined {
  return layers.at(-1);
}

/** Makes an error within a layer name the innermost layer. */
export function locateErrors(): void {
  const { prototype } = tf.layers.Layer;
  const { apply } = prototype;
  prototype.apply = function (this: tf.layers.Layer, inputs, kwargs) {
    layers.push(this);
    try {
      return apply.call(this, inputs, kwargs);
    } catch (error) {
      locateError(error, "run", this);
      throw error;
    } finally {
      layers.pop();
    }
  };
}

/** Puts the action that failed, and the layer, in front of an error's message; once. */
export function locateError(error: unknown, action: string, layer?: tf.layers.Layer): void {
  if (!(error instanceof Error) || located.has(error)) return;
  located.add(error);
  const place = layer ? `layer ${layer.name} (${layer.getClassName()})` : "a function";
  error.message = `Cannot ${action} ${place}: ${error.message}`;
}
