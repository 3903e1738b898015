/**
 * Adam, and AdamW.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { type OptimizerOptions, SlotOptimizer, type UpdateAttributes } from "./slot_optimizer.ts";

/**
 * Options of {@linkcode adam} and {@linkcode adamW}.
 *
 * @category Optimizers
 */
export interface AdamOptions extends OptimizerOptions {
  /** Part of the mean gradient that is kept at each step, in [0, 1). Default: 0.9. */
  beta1?: number;
  /** Part of the mean squared gradient that is kept at each step, in [0, 1). Default: 0.999. */
  beta2?: number;
  /** Added to the root of the mean squared gradient, > 0. Default: 1e-7. */
  epsilon?: number;
}

class Adam extends SlotOptimizer {
  static readonly className: string = "TrainchartAdam";
  protected override readonly slotNames = ["m", "v"];
  protected override readonly kernelName = "TrainchartAdam";
  protected readonly decoupled: number = 0;
  #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;

  constructor(learningRate: number, options: AdamOptions) {
    checkOptions("build an optimizer", options, {
      beta1: true,
      beta2: true,
      epsilon: true,
      weightDecay: true,
      groups: true,
    });
    super(learningRate, options);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
    checkNumber("build an optimizer", "beta1", beta1, { min: 0, below: 1 });
    checkNumber("build an optimizer", "beta2", beta2, { min: 0, below: 1 });
    checkNumber("build an optimizer", "epsilon", epsilon, { above: 0 });
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#epsilon = epsilon;
  }

  /** Part of the mean gradient that is kept at each step, in [0, 1): Adam's momentum. */
  get beta1(): number {
    return this.#beta1;
  }

  set beta1(beta1: number) {
    this.#beta1 = beta1;
  }

  protected override attributes(step: number, learningRate: number): UpdateAttributes {
    return {
      learningRate,
      beta1: this.#beta1,
      beta2: this.#beta2,
      epsilon: this.#epsilon,
      correction1: 1 - this.#beta1 ** step,
      correction2: 1 - this.#beta2 ** step,
      decoupled: this.decoupled,
    };
  }

  protected override compose(
    value: tf.Tensor,
    gradient: tf.Tensor,
    [m, v]: tf.Tensor[],
    a: UpdateAttributes,
  ): tf.Tensor[] {
    const decay = value.mul(a.weightDecay);
    const g = a.decoupled ? gradient : gradient.add(decay);
    const newM = m.mul(a.beta1).add(g.mul(1 - a.beta1));
    const newV = v.mul(a.beta2).add(g.square().mul(1 - a.beta2));
    const root = newV.div(a.correction2).sqrt().add(a.epsilon);
    const change = newM.div(a.correction1).div(root);
    const total = a.decoupled ? change.add(decay) : change;
    return [value.sub(total.mul(a.learningRate)), newM, newV];
  }
}

class AdamW extends Adam {
  static override readonly className = "TrainchartAdamW";
  protected override readonly decoupled = 1;
}

tf.serialization.registerClass(Adam);
tf.serialization.registerClass(AdamW);

/**
 * Adam: each weight moves by its mean gradient divided by the root of its mean squared gradient.
 *
 * Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
 * https://arxiv.org/abs/1412.6980. `weightDecay` is added to the gradient; {@linkcode adamW} decays
 * the weights themselves.
 *
 * @param learningRate The rate per step, >= 0. Default: 1e-3.
 * @param options The constants of the method, weight decay, groups.
 * @returns The optimizer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { adam, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const x = tf.variable(tf.scalar(5));
 * const optimizer = adam(0.1);
 * for (let step = 0; step < 300; step++) optimizer.minimize(() => x.sub(2).square().asScalar());
 * assertAlmostEquals(x.dataSync()[0], 2, 0.01);
 * ```
 *
 * @category Optimizers
 */
export function adam(learningRate: number = 1e-3, options: AdamOptions = {}): SlotOptimizer {
  return new Adam(learningRate, options);
}

/**
 * Adam with decoupled weight decay: weights shrink by `learningRate * weightDecay` at each step,
 * whatever their gradients.
 *
 * Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019,
 * https://arxiv.org/abs/1711.05101; as in PyTorch, the learning rate scales the decay as well.
 *
 * @param learningRate The rate per step, >= 0. Default: 1e-3.
 * @param options The constants of the method, weight decay (default: 0.01), groups.
 * @returns The optimizer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { adamW, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const x = tf.variable(tf.scalar(1));
 * // No gradient, so only the decay is left.
 * adamW(0.1, { weightDecay: 0.5 }).minimize(() => x.mul(0).asScalar());
 * assertAlmostEquals(x.dataSync()[0], 0.95, 1e-6);
 * ```
 *
 * @category Optimizers
 */
export function adamW(learningRate: number = 1e-3, options: AdamOptions = {}): SlotOptimizer {
  return new AdamW(learningRate, { weightDecay: 0.01, ...options });
}
