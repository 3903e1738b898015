import { tf } from "../../deps/tfjs.ts";
import { hasKernel, run, runAll } from "../gradients/gradient.ts";
import { normalize } from "../gradients/normalization.ts";
import { type AnyLayer, eachInnerLayer, layerClass, onlyTensor } from "./layer_class.ts";

/** Repairs batch and layer normalisation. */
export function fixNormalization(): void {
  fixBatchNormalization();
  fixLayerNormalization();
}

/** For each layer, the callers that freeze it, and how many of them let its statistics move. */
const HOLDS = new WeakMap<object, { frozen: number; moving: number }>();

/**
 * Says that a layer is frozen until the hold is released. It matters where the layer has no weights
 * that show it, as batch normalisation without scale and offset has none.
 *
 * @param layer Any layer.
 * @param isMoving Whether its moving statistics follow the data all the same. While several callers
 *   hold a layer, one of them is enough.
 * @returns Releases the hold; a second call does nothing.
 */
export function holdLayer(layer: object, isMoving: boolean): () => void {
  const holds = HOLDS.get(layer) ?? { frozen: 0, moving: 0 };
  HOLDS.set(layer, holds);
  let count = 1;
  holds.frozen++;
  if (isMoving) holds.moving++;
  return () => {
    holds.frozen -= count;
    if (isMoving) holds.moving -= count;
    count = 0;
  };
}

/** For each layer, the models around it that were frozen as a whole at some time. */
const MODELS = new WeakMap<object, Set<AnyLayer>>();

/**
 * Remembers models that are frozen as a whole, for their layers. TensorFlow.js freezes the weights of
 * the layers, but thaws them again where the model is the first layer of another one.
 */
function rememberFrozenModels(): void {
  const { get, set } = propertyOf(tf.LayersModel.prototype, "trainable")!;
  const around = (inner: AnyLayer, model: AnyLayer): void => {
    eachInnerLayer(inner, (layer) => {
      MODELS.set(layer, (MODELS.get(layer) ?? new Set()).add(model));
      around(layer, model);
    });
  };
  Object.defineProperty(tf.LayersModel.prototype, "trainable", {
    configurable: true,
    get,
    set(this: AnyLayer, trainable: boolean) {
      set!.call(this, trainable);
      // A sequential model has another one inside, made at its first use.
      if (this.model instanceof tf.LayersModel) this.model.trainable = trainable;
      if (!trainable) around(this, this);
    },
  });
}

function propertyOf(prototype: object | null, name: string): PropertyDescriptor | undefined {
  if (prototype === null) return;
  return Object.getOwnPropertyDescriptor(prototype, name) ??
    propertyOf(Object.getPrototypeOf(prototype), name);
}

/**
 * Makes batch normalisation work without scale or offset, along any axis, and for inputs of any
 * rank. While it is frozen, it is in inference mode, as in Keras 2.
 */
function fixBatchNormalization(): void {
  rememberFrozenModels();
  layerClass("BatchNormalization").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const axis: number = this.axis >= 0 ? this.axis : this.axis + x.rank;
      const isMoving = training && movesStatistics(this);
      if (!isMoving) {
        return normalizeBatch(this, x, axis, this.movingMean.read(), this.movingVariance.read());
      }
      if (axis === x.rank - 1 && x.dtype === "float32" && x.size > 0) {
        if (hasKernel("TrainchartBatchNorm")) return normalizeAndMove(this, x);
      }
      const { mean, variance } = tf.moments(x, x.shape.map((_, i) => i).filter((i) => i !== axis));
      const y = normalizeBatch(this, x, axis, mean, variance);
      move(this.movingMean, mean, this.momentum);
      move(this.movingVariance, variance, this.momentum);
      return y;
    });
  };
}

/** Whether the moving statistics of a layer of batch normalisation follow the data in training. */
export function movesStatistics(layer: object): boolean {
  return !isFrozen(layer) || (HOLDS.get(layer)?.moving ?? 0) > 0;
}

/** Whether a layer is not trained: as a whole, or each of its weights. */
function isFrozen(layer: AnyLayer): boolean {
  const weights = [layer.gamma, layer.beta].filter((weight) => weight != null);
  if (!layer.trainable) return true;
  for (const model of MODELS.get(layer) ?? []) if (!model.trainable) return true;
  if (weights.length === 0) return (HOLDS.get(layer)?.frozen ?? 0) > 0;
  return weights.every((weight) => !weight.read().trainable);
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

function normalizeBatch(
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

/**
 * Makes layer normalisation one operation where the backend has our kernels; elsewhere, one without
 * copies of its vectors for each row.
 */
function fixLayerNormalization(): void {
  layerClass("LayerNormalization").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
  ): tf.Tensor {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const axes: number[] = this.axis, epsilon: number = this.epsilon;
      const scale: tf.Tensor | undefined = this.gamma?.read(), offset = this.beta?.read();
      const first = x.rank - axes.length;
      const areLast = axes.every((axis) => axis >= first);
      if (areLast && x.dtype === "float32" && x.size > 0 && hasKernel("TrainchartLayerNorm")) {
        const size = tf.util.sizeFromShape(x.shape.slice(first));
        const vectors = { scale, offset } as tf.NamedTensorMap;
        return run("TrainchartLayerNorm", { x, ...vectors }, { axes, size, epsilon });
      }
      const shape = x.shape.map((size, axis) => axes.includes(axis) ? size : 1);
      return normalize(x, axes, epsilon, scale?.reshape(shape), offset?.reshape(shape));
    });
  };
}
