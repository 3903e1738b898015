import { tf } from "../deps/tfjs.ts";

/** A variable of an optimizer, and the name under which it is saved. */
interface Slot {
  originalName: string;
  variable: tf.Variable;
}

/** The properties of `tf.train.rmsprop`, which are private for TypeScript. */
interface StockRmsprop {
  readonly learningRate: number;
  readonly decay: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly centered: boolean;
  readonly accumulatedMeanSquares: Slot[];
  readonly accumulatedMoments: Slot[];
  readonly accumulatedMeanGrads: Slot[];
  incrementIterations(): void;
}

type Gradients = tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null }[];

/** The properties of `tf.train.momentum`, which are private for TypeScript. */
interface StockMomentum {
  momentum: number;
  /** The momentum as a tensor, with which an update computes. */
  m: tf.Scalar;
  /** The negative learning rate as a tensor. */
  c?: tf.Scalar;
}

/** Repairs optimizers of `tf.train`. */
export function fixOptimizers(): void {
  fixMomentum();
  fixRmsprop();
}

/**
 * Makes `setMomentum()` of `tf.train.momentum` act on the next update, and `dispose()` free the
 * learning rate.
 */
function fixMomentum(): void {
  const { prototype } = tf.MomentumOptimizer;
  const { dispose } = prototype;
  prototype.setMomentum = function (momentum) {
    const optimizer = this as unknown as StockMomentum;
    optimizer.momentum = momentum;
    optimizer.m.dispose();
    optimizer.m = tf.keep(tf.scalar(momentum));
  };
  prototype.dispose = function () {
    dispose.call(this);
    (this as unknown as StockMomentum).c?.dispose();
  };
}

/**
 * Makes `tf.train.rmsprop` with `centered` add epsilon to the variance of the gradient.
 *
 * tfjs subtracts it, so that a gradient of zero makes the weight NaN.
 */
function fixRmsprop(): void {
  const { prototype } = tf.RMSPropOptimizer;
  const { applyGradients } = prototype;
  prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
    const optimizer = this as unknown as StockRmsprop;
    if (!optimizer.centered) return applyGradients.call(this as never, gradients as never);
    const entries = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    entries.forEach(({ name, tensor }, i) => update(optimizer, i, name, tensor));
    optimizer.incrementIterations();
  };
}

function update(
  optimizer: StockRmsprop,
  index: number,
  name: string,
  gradient: tf.Tensor | null,
): void {
  const { learningRate, decay, momentum, epsilon } = optimizer;
  const value = tf.engine().registeredVariables[name];
  const [square, moment, mean] = ([
    [optimizer.accumulatedMeanSquares, "rms"],
    [optimizer.accumulatedMoments, "momentum"],
    [optimizer.accumulatedMeanGrads, "mg"],
  ] as const).map(([slots, suffix]) => {
    slots[index] ??= {
      originalName: `${name}/${suffix}`,
      variable: tf.tidy(() => tf.zerosLike(value).variable(false)),
    };
    return slots[index].variable;
  });
  if (!gradient) return;
  tf.tidy(() => {
    const newSquare = square.mul(decay).add(gradient.square().mul(1 - decay));
    const newMean = mean.mul(decay).add(gradient.mul(1 - decay));
    // Rounding can make the variance of a constant gradient negative.
    const variance = newSquare.sub(newMean.square()).relu();
    const step = gradient.mul(learningRate).div(variance.add(epsilon).sqrt());
    const newMoment = moment.mul(momentum).add(step);
    square.assign(newSquare);
    mean.assign(newMean);
    moment.assign(newMoment);
    value.assign(value.sub(newMoment));
  });
}
