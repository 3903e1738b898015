import { tf } from "../../deps/tfjs.ts";
import type { AnyLayer } from "./layer_class.ts";

/**
 * Makes a model penalise each regularized weight once.
 *
 * tfjs penalises it each time that its layer is applied, but never the weights of recurrent cells.
 */
export function fixRegularizers(): void {
  const container: AnyLayer = Object.getPrototypeOf(tf.LayersModel.prototype);
  container.calculateLosses = function (this: AnyLayer): tf.Scalar[] {
    return tf.tidy(() => [...lossesOf(this)].map((loss) => loss()));
  };
}

/** The losses of a layer's weights and of the layers in it. */
function lossesOf(layer: AnyLayer, found = new Set<() => tf.Scalar>()): Set<() => tf.Scalar> {
  if (layer.containerNodes) {
    for (const inner of layer.layers) {
      const isUsed = inner.inboundNodes.some((_: unknown, index: number) =>
        layer.containerNodes.has(`${inner.name}_ib-${index}`)
      );
      if (isUsed) lossesOf(inner, found);
    }
    return found;
  }
  for (const loss of layer.losses) found.add(loss);
  const { cell, cells = [], layer: wrapped, forwardLayer, backwardLayer } = layer;
  for (const inner of [cell, ...cells, wrapped, forwardLayer, backwardLayer]) {
    if (inner) lossesOf(inner, found);
  }
  return found;
}
