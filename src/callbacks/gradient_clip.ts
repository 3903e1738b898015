import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { runInPlace } from "../tensors/tensor_memory.ts";

/**
 * Options of {@linkcode GradientClip}; at least one is required.
 *
 * @category Callbacks
 */
export interface GradientClipOptions {
  /** Clips every element to [-value, value], before `norm`; > 0. Default: no limit. */
  value?: number;
  /** Scales all gradients together to a common L2 norm of at most this, > 0. Default: no limit. */
  norm?: number;
}

/**
 * Limits gradients before the update. Nothing is read off the device.
 *
 * Pascanu et al., "On the difficulty of training recurrent neural networks", 2013,
 * https://arxiv.org/abs/1211.5063.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { GradientClip } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const layer = tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" });
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [layer] }),
 *   optimizer: sgd(1),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[3]]), tf.tensor2d([[-50]])]] }, // gradients 300 and 100
 *   callbacks: [new GradientClip({ norm: 1 })],
 * });
 * await learner.train();
 * const [kernel] = layer.getWeights();
 * assertAlmostEquals(kernel.dataSync()[0], -3 / Math.sqrt(10), 1e-5);
 * ```
 *
 * @category Callbacks
 */
export class GradientClip extends Callback {
  /** Before callbacks that read the gradients of the step. */
  override priority: number = PRIORITIES.data;
  readonly #value: number;
  readonly #norm: number;

  /**
   * Checks the limits.
   *
   * @param options The limits.
   * @throws {TypeError} If neither limit is given.
   * @throws {RangeError} If a limit is not > 0.
   */
  constructor(options: GradientClipOptions) {
    super();
    const action = "clip gradients";
    checkOptions(action, options, { value: true, norm: true });
    const { value = Infinity, norm = Infinity } = options;
    if (options.value === undefined && options.norm === undefined) {
      throw new TypeError(
        `Cannot ${action} as value or norm must be given: both are missing`,
      );
    }
    for (const [name, limit] of Object.entries({ value, norm })) {
      checkNumber(action, name, limit, { above: 0, infinite: true });
    }
    this.#value = value;
    this.#norm = norm;
  }

  /** Clips the gradients. */
  override beforeStep(learner: AnyLearner): void {
    const names = Object.keys(learner.gradients);
    if (names.length === 0) return;
    const gradients = Object.values(learner.gradients);
    const limits = { value: this.#value, norm: this.#norm };
    const clipped = gradients.every(({ dtype }) => dtype === "float32")
      ? runInPlace("TrainchartClip", gradients, limits)
      : undefined;
    learner.gradients = clipped
      ? Object.fromEntries(names.map((name, i) => [name, clipped[i]]))
      : tf.tidy(() => this.#scaled(this.#clipped(learner.gradients)));
  }

  #clipped(gradients: tf.NamedTensorMap): tf.NamedTensorMap {
    if (this.#value === Infinity) return gradients;
    return map(gradients, (gradient) => tf.clipByValue(gradient, -this.#value, this.#value));
  }

  #scaled(gradients: tf.NamedTensorMap): tf.NamedTensorMap {
    if (this.#norm === Infinity) return gradients;
    const squares = Object.values(gradients).map((gradient) => gradient.square().sum());
    const norm = tf.addN(squares).sqrt();
    const scale = tf.minimum(tf.div(this.#norm, norm.add(1e-12)), 1);
    return map(gradients, (gradient) => gradient.mul(scale));
  }
}

function map(
  gradients: tf.NamedTensorMap,
  change: (gradient: tf.Tensor) => tf.Tensor,
): tf.NamedTensorMap {
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, change(gradient)]),
  );
}
