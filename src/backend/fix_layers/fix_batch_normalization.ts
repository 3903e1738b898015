import { tf } from "../../deps/tfjs.ts";
import { hasKernel, runAll } from "../gradients/gradient.ts";
import { type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

/**
 * Frozen layers of batch normalisation whose moving statistics still follow the data. All others are
 * in inference mode while they are frozen, as in Keras 2.
 */
export const UPDATED_WHEN_FROZEN: WeakSet<object> = new WeakSet();

/**
 * Makes batch normalisation work without scale or offset, along any axis, and for inputs of any
 * rank. While it is frozen, it is in inference mode.
 */
export function fixBatchNormalization(): void {
  layerClass("BatchNormalization").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const axis: number = this.axis >= 0 ? this.axis : this.axis + x.rank;
      const isMoving = training && (!isFrozen(this) || UPDATED_WHEN_FROZEN.has(this));
      if (!isMoving) {
        return normalize(this, x, axis, this.movingMean.read(), this.movingVariance.read());
      }
      if (axis === x.rank - 1 && x.dtype === "float32" && x.size > 0) {
        if (hasKernel("TrainchartBatchNorm")) return normalizeAndMove(this, x);
      }
      const { mean, variance } = tf.moments(x, x.shape.map((_, i) => i).filter((i) => i !== axis));
      const y = normalize(this, x, axis, mean, variance);
      move(this.movingMean, mean, this.momentum);
      move(this.movingVariance, variance, this.momentum);
      return y;
    });
  };
}

/** Whether a layer is not trained: as a whole, or each of its weights. */
function isFrozen({ trainable, gamma, beta }: AnyLayer): boolean {
  const weights = [gamma, beta].filter((weight) => weight != null);
  return !trainable || (weights.length > 0 && weights.every((weight) => !weight.read().trainable));
}

/** Normalises by the moments of the batch and moves the moving ones, as one operation. */
function normalizeAndMove(layer: AnyLayer, x: tf.Tensor): tf.Tensor {
  const { epsilon, momentum, gamma, beta } = layer;
  const inputs = {
    x,
    scale: gamma?.read(),
    offset: beta?.read(),
    movingMean: layer.movingMean.read(),
    movingVariance: layer.movingVariance.read(),
  };
  const results = runAll("TrainchartBatchNorm", inputs, { epsilon, momentum });
  layer.movingMean.write(results[3]);
  layer.movingVariance.write(results[4]);
  return results[0];
}

function normalize(
  layer: AnyLayer,
  x: tf.Tensor,
  axis: number,
  mean: tf.Tensor,
  variance: tf.Tensor,
): tf.Tensor {
  const beta: tf.Tensor1D | undefined = layer.beta?.read(), gamma = layer.gamma?.read();
  if (axis === x.rank - 1) {
    const rows = x.rank > 4 ? x.reshape([-1, x.shape[axis]]) : x;
    return tf.batchNorm(
      ...[rows, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, layer.epsilon] as const,
    ).reshape(x.shape);
  }
  const vector = (values: tf.Tensor) =>
    values.reshape(x.shape.map((size, i) => i === axis ? size : 1));
  const inverse = variance.add(layer.epsilon).rsqrt();
  const scaled = x.sub(vector(mean)).mul(vector(gamma ? inverse.mul(gamma) : inverse));
  return beta ? scaled.add(vector(beta)) : scaled;
}

function move(statistic: AnyLayer, value: tf.Tensor, momentum: number): void {
  const current: tf.Tensor = statistic.read();
  statistic.write(current.sub(current.sub(value).mul(1 - momentum)));
}
