import { tf } from "../../deps/tfjs.ts";
import type { AnyLayer } from "./layer_class.ts";

/**
 * Makes the dropout of recurrent cells draw new masks for each batch, and leave no tensors.
 *
 * tfjs keeps the masks until the layer is applied again, even after its disposal; within stacked
 * cells it keeps those of the first batch for good, even if that was a prediction.
 */
export function fixRecurrent(): void {
  const prototype: AnyLayer = tf.layers.RNN.prototype;
  const { call } = prototype;
  prototype.call = function (this: AnyLayer, inputs: unknown, options: unknown) {
    try {
      return call.call(this, inputs, options);
    } finally {
      for (const cell of [this.cell, ...this.cell.cells ?? []]) disposeMasks(cell);
    }
  };
}

function disposeMasks(cell: AnyLayer): void {
  for (const name of ["dropoutMask", "recurrentDropoutMask"]) {
    if (cell[name] == null) continue;
    tf.dispose(cell[name]);
    cell[name] = null;
  }
}
