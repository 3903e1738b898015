/**
 * RMSProp.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { type OptimizerOptions, SlotOptimizer, type UpdateAttributes } from "./slot_optimizer.ts";

/** Options of {@linkcode rmsprop}. */
export interface RmspropOptions extends OptimizerOptions {
  /** How much of the mean squared gradient is kept at each step, in [0, 1). Default: 0.9. */
  decay?: number;
  /** How much of the last change is kept at each step, in [0, 1). Default: 0. */
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
    super(learningRate, options);
    const { decay = 0.9, momentum = 0, epsilon = 1e-7 } = options;
    for (const [name, part] of Object.entries({ decay, momentum })) {
      if (part >= 0 && part < 1) continue;
      throw new RangeError(
        `Cannot build an optimizer as ${name} must be in [0, 1): current value is ${part}`,
      );
    }
    if (!(epsilon > 0)) {
      throw new RangeError(
        `Cannot build an optimizer as epsilon must be > 0: current value is ${epsilon}`,
      );
    }
    this.slotNames = momentum > 0 ? ["square", "momentum"] : ["square"];
    this.#decay = decay;
    this.#momentum = momentum;
    this.#epsilon = epsilon;
  }

  /** How much of the last change is kept at each step; `undefined` if made without momentum. */
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
 * RMSProp: each weight's step is its gradient over the root of its mean squared gradient.
 *
 * Tieleman and Hinton, "Lecture 6.5: RMSProp", 2012,
 * https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf. As in TensorFlow.js,
 * epsilon is inside the root and momentum applies to the step. Weight decay is added to the
 * gradient.
 *
 * @param learningRate Per step, >= 0.
 * @param options The constants of the method, weight decay, groups.
 * @returns The optimizer.
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
 */
export function rmsprop(learningRate: number = 1e-3, options: RmspropOptions = {}): SlotOptimizer {
  return new Rmsprop(learningRate, options);
}
