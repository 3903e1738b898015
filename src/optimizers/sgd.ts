/**
 * Stochastic gradient descent.
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
      nesterov: true,
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
