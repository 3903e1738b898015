/**
 * Stochastic gradient descent, and RMSprop.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { type OptimizerOptions, SlotOptimizer, type UpdateAttributes } from "./slot_optimizer.ts";

/**
 * Options of {@linkcode sgd}.
 *
 * @category Optimizers
 */
export interface SgdOptions extends OptimizerOptions {
  /** Part of the last change that is kept at each step, in [0, 1). Default: 0. */
  momentum?: number;
  /** Whether to use Nesterov's momentum, which looks one change ahead. Default: false. */
  nesterov?: boolean;
}

class Sgd extends SlotOptimizer {
  static readonly className = "TrainchartSgd";
  protected override readonly slotNames: string[];
  protected override readonly kernelName = "TrainchartSgd";
  #momentum: number;
  readonly #nesterov: number;

  constructor(learningRate: number, options: SgdOptions) {
    checkOptions("build an optimizer", options, {
      momentum: true,
      nesterov: "flag",
      weightDecay: true,
      groups: true,
    });
    super(learningRate, options);
    const { momentum = 0, nesterov = false } = options;
    checkNumber("build an optimizer", "momentum", momentum, { min: 0, below: 1 });
    if (nesterov && momentum === 0) {
      throw new RangeError(
        "Cannot build an optimizer as momentum must be > 0 with nesterov: current value is 0",
      );
    }
    this.slotNames = momentum > 0 ? ["momentum"] : [];
    this.#momentum = momentum;
    this.#nesterov = nesterov ? 1 : 0;
  }

  /** Part of the last change that is kept at each step; `undefined` if made without momentum. */
  get momentum(): number | undefined {
    return this.slotNames.includes("momentum") ? this.#momentum : undefined;
  }

  set momentum(momentum: number) {
    this.#momentum = momentum;
  }

  protected override attributes(_: number, learningRate: number): UpdateAttributes {
    return { learningRate, momentum: this.#momentum, nesterov: this.#nesterov };
  }

  protected override compose(
    value: tf.Tensor,
    gradient: tf.Tensor,
    slots: tf.Tensor[],
    a: UpdateAttributes,
  ): tf.Tensor[] {
    const g = gradient.add(value.mul(a.weightDecay));
    const moved = slots.map((slot) => slot.mul(a.momentum).add(g));
    const change = a.nesterov ? moved[0].mul(a.momentum).add(g) : moved[0] ?? g;
    return [value.sub(change.mul(a.learningRate)), ...moved];
  }
}

tf.serialization.registerClass(Sgd);

/**
 * Stochastic gradient descent, with optional momentum.
 *
 * Nesterov's momentum as in Sutskever et al., "On the importance of initialization and momentum in
 * deep learning", 2013, https://proceedings.mlr.press/v28/sutskever13.html. Weight decay is added
 * to the gradient.
 *
 * @param learningRate The rate per step, >= 0. Default: 1e-2.
 * @param options Momentum, weight decay, groups.
 * @returns The optimizer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range, or `nesterov` is given without momentum.
 *
 * @example
 * ```ts
 * import { sgd, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const x = tf.variable(tf.scalar(5));
 * sgd(0.25).minimize(() => x.sub(2).square().asScalar());
 * assertAlmostEquals(x.dataSync()[0], 3.5, 1e-6);
 * ```
 *
 * @category Optimizers
 */
export function sgd(learningRate: number = 1e-2, options: SgdOptions = {}): SlotOptimizer {
  return new Sgd(learningRate, options);
}

/**
 * Options of {@linkcode rmsprop}.
 *
 * @category Optimizers
 */
export interface RmspropOptions extends OptimizerOptions {
  /** Part of the mean squared gradient that is kept at each step, in [0, 1). Default: 0.9. */
  decay?: number;
  /** Part of the last change that is kept at each step, in [0, 1). Default: 0. */
  momentum?: number;
  /** Added to the mean squared gradient, > 0. Default: 1e-7. */
  epsilon?: number;
}

class Rmsprop extends SlotOptimizer {
  static readonly className = "TrainchartRmsprop";
  protected override readonly slotNames: string[];
  protected override readonly kernelName = "TrainchartRmsprop";
  readonly #decay: number;
  #momentum: number;
  readonly #epsilon: number;

  constructor(learningRate: number, options: RmspropOptions) {
    checkOptions("build an optimizer", options, {
      decay: true,
      momentum: true,
      epsilon: true,
      weightDecay: true,
      groups: true,
    });
    super(learningRate, options);
    const { decay = 0.9, momentum = 0, epsilon = 1e-7 } = options;
    checkNumber("build an optimizer", "decay", decay, { min: 0, below: 1 });
    checkNumber("build an optimizer", "momentum", momentum, { min: 0, below: 1 });
    checkNumber("build an optimizer", "epsilon", epsilon, { above: 0 });
    this.slotNames = momentum > 0 ? ["square", "momentum"] : ["square"];
    this.#decay = decay;
    this.#momentum = momentum;
    this.#epsilon = epsilon;
  }

  /** Part of the last change that is kept at each step; `undefined` if made without momentum. */
  get momentum(): number | undefined {
    return this.slotNames.includes("momentum") ? this.#momentum : undefined;
  }

  set momentum(momentum: number) {
    this.#momentum = momentum;
  }

  protected override attributes(_: number, learningRate: number): UpdateAttributes {
    return {
      learningRate,
      decay: this.#decay,
      momentum: this.#momentum,
      epsilon: this.#epsilon,
    };
  }

  protected override compose(
    value: tf.Tensor,
    gradient: tf.Tensor,
    [square, ...slots]: tf.Tensor[],
    a: UpdateAttributes,
  ): tf.Tensor[] {
    const g = gradient.add(value.mul(a.weightDecay));
    const newSquare = square.mul(a.decay).add(g.square().mul(1 - a.decay));
    const step = g.mul(a.learningRate).div(newSquare.add(a.epsilon).sqrt());
    const moved = slots.map((slot) => slot.mul(a.momentum).add(step));
    return [value.sub(moved[0] ?? step), newSquare, ...moved];
  }
}

tf.serialization.registerClass(Rmsprop);

/**
 * RMSProp: each weight moves by its gradient divided by the root of its mean squared gradient.
 *
 * Tieleman and Hinton, "Lecture 6.5: RMSProp", 2012,
 * https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf. As in TensorFlow.js,
 * epsilon is inside the root and momentum applies to the step. Weight decay is added to the
 * gradient.
 *
 * @param learningRate The rate per step, >= 0. Default: 1e-3.
 * @param options The constants of the method, weight decay, groups.
 * @returns The optimizer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { rmsprop, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const x = tf.variable(tf.scalar(5));
 * const optimizer = rmsprop(0.02);
 * for (let step = 0; step < 300; step++) optimizer.minimize(() => x.sub(2).square().asScalar());
 * assertAlmostEquals(x.dataSync()[0], 2, 0.05);
 * ```
 *
 * @category Optimizers
 */
export function rmsprop(learningRate: number = 1e-3, options: RmspropOptions = {}): SlotOptimizer {
  return new Rmsprop(learningRate, options);
}
