import { tf } from "../deps/tfjs.ts";
import { runInPlace } from "../tensors/tensor_memory.ts";

/** The state of `tf.train.adam`; moments are listed in the order of the gradients. */
interface StockAdam {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly accBeta1: tf.Variable;
  readonly accBeta2: tf.Variable;
  readonly accumulatedFirstMoment: { originalName: string; variable: tf.Variable }[];
  readonly accumulatedSecondMoment: { originalName: string; variable: tf.Variable }[];
  incrementIterations(): void;
}

type Gradients = tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[];

let fused = false;

/**
 * Makes `tf.train.adam` update a weight in one pass instead of ten, if the backend has our kernels.
 *
 * Its state stays where it was, so that saving and loading work as before. A second call does
 * nothing.
 */
export function fuseAdam(): void {
  if (fused) return;
  fused = true;
  const { prototype } = tf.AdamOptimizer;
  const { applyGradients } = prototype;
  prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
    const entries = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    const ours = tf.getKernel("TrainchartAdam", tf.getBackend()) !== undefined &&
      entries.every(({ tensor }) => !tensor || tensor.dtype === "float32");
    if (ours) update(this as unknown as StockAdam, entries);
    else applyGradients.call(this as never, gradients as never);
  };
}

function update(adam: StockAdam, gradients: { name: string; tensor: tf.Tensor | null }[]): void {
  const { learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 } = adam;
  const [correction1, correction2] = [accBeta1, accBeta2].map((power) => 1 - power.dataSync()[0]);
  const numbers = { learningRate, beta1, beta2, epsilon, correction1, correction2 };
  gradients.forEach(({ name, tensor }, i) => {
    const value = tf.engine().registeredVariables[name];
    const m = momentAt(adam.accumulatedFirstMoment, i, `${name}/m`, value);
    const v = momentAt(adam.accumulatedSecondMoment, i, `${name}/v`, value);
    if (!tensor) return;
    const attributes = { ...numbers, weightDecay: 0, decoupled: 0 };
    const updated = runInPlace("TrainchartAdam", { value, gradient: tensor, m, v }, attributes)!;
    [value, m, v].forEach((variable, at) => {
      if (updated[at] === variable) return;
      variable.assign(updated[at]);
      updated[at].dispose();
    });
  });
  for (const [power, beta] of [[accBeta1, beta1], [accBeta2, beta2]] as const) {
    tf.tidy(() => power.assign(power.mul(beta)));
  }
  adam.incrementIterations();
}

function momentAt(
  moments: StockAdam["accumulatedFirstMoment"],
  index: number,
  originalName: string,
  value: tf.Variable,
): tf.Variable {
  moments[index] ??= {
    originalName,
    variable: tf.tidy(() => tf.zerosLike(value).variable(false)),
  };
  return moments[index].variable;
}
