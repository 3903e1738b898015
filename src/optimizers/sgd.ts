/**
 * Stochastic gradient descent.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { type OptimizerOptions, SlotOptimizer, type UpdateAttributes } from "./slot_optimizer.ts";

/** Options of {@linkcode sgd}. */
export interface SgdOptions extends OptimizerOptions {
  /** How much of the last change is kept at each step, in [0, 1). Default: 0. */
  momentum?: number;
  /** Whether the gradient counts as if taken after the change to come. Default: false. */
  nesterov?: boolean;
}

class Sgd extends SlotOptimizer {
  static readonly className = "TrainchartSgd";
  protected override readonly slotNames: string[];
  protected override readonly kernelName = "TrainchartSgd";
  #momentum: number;
  readonly #nesterov: number;

  constructor(learningRate: number, options: SgdOptions) {
    super(learningRate, options);
    const { momentum = 0, nesterov = false } = options;
    if (!(momentum >= 0 && momentum < 1)) {
      throw new RangeError(
        `Cannot build an optimizer as momentum must be in [0, 1): current value is ${momentum}`,
      );
    }
    if (nesterov && momentum === 0) {
      throw new RangeError("Cannot build an optimizer as nesterov needs a momentum > 0: it is 0");
    }
    this.slotNames = momentum > 0 ? ["momentum"] : [];
    this.#momentum = momentum;
    this.#nesterov = nesterov ? 1 : 0;
  }

  /** How much of the last change is kept at each step; `undefined` if made without momentum. */
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
 * Stochastic gradient descent, with momentum if asked for.
 *
 * Nesterov's momentum as in Sutskever et al., "On the importance of initialization and momentum in
 * deep learning", 2013, https://proceedings.mlr.press/v28/sutskever13.html. Weight decay is added
 * to the gradient.
 *
 * @param learningRate Per step, >= 0.
 * @param options Momentum, weight decay, groups.
 * @returns The optimizer.
 * @throws {RangeError} If a number is out of range, or nesterov is asked for without momentum.
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
 */
export function sgd(learningRate: number = 1e-2, options: SgdOptions = {}): SlotOptimizer {
  return new Sgd(learningRate, options);
}
