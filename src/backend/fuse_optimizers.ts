/**
 * The optimizers of `tf.train`, with updates that are one call of a kernel.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { isSole, memoryOf, runInPlace } from "../tensors/tensor_memory.ts";
import { type FunctionName, numberOf } from "./kernel_constants.ts";

/** An optimizer of `tf.train`: its numbers, and lists of slots in the order of the gradients. */
interface StockOptimizer {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly rho: number;
  readonly decay: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly initialAccumulatorValue: number;
  readonly useNesterov: boolean;
  readonly centered: boolean;
  /** The learning rate times -1, and the momentum, with which an update computes. */
  readonly c: tf.Scalar;
  readonly m: tf.Scalar;
  readonly accBeta1: tf.Variable;
  readonly accBeta2: tf.Variable;
  readonly iteration: tf.Variable;
  incrementIterations(): void;
}

interface StockSlot {
  originalName: string;
  variable: tf.Variable;
}

/** The rule by which an optimizer of `tf.train` updates variables. */
interface StockRule {
  readonly kernelName: string;
  /** The lists of its slots, and the ends of the names under which they are saved. */
  slots(optimizer: StockOptimizer): readonly (readonly [list: string, ending: string])[];
  /** The numbers of an update, which round as the tensors of TensorFlow.js do. */
  numbers(optimizer: StockOptimizer): Record<string, number>;
  /** Prepares the next update. */
  advance?(optimizer: StockOptimizer): void;
}

const { fround } = Math;

function stock(
  ruleOf: (optimizer: StockOptimizer) => FunctionName<"stock_updates">,
  slots: StockRule["slots"],
  numbers: (optimizer: StockOptimizer) => Record<string, number>,
): StockRule {
  return {
    kernelName: "TrainchartStockUpdate",
    slots,
    numbers: (optimizer) => ({
      rule: numberOf("stock_updates", ruleOf(optimizer)),
      ...numbers(optimizer),
    }),
  };
}

const FIRST = ["accumulatedFirstMoment", "m"] as const;

/** The rules of `tf.train`, by class. Adam rounds as our own does. */
const STOCK_RULES: readonly (readonly [{ prototype: object }, StockRule])[] = [
  [tf.AdamOptimizer, {
    kernelName: "TrainchartAdam",
    slots: () => [FIRST, ["accumulatedSecondMoment", "v"]],
    numbers: ({ learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 }) => {
      const [correction1, correction2] = [accBeta1, accBeta2].map((power) => 1 - read(power));
      const numbers = { learningRate, beta1, beta2, epsilon, correction1, correction2 };
      return { ...numbers, weightDecay: 0, decoupled: 0 };
    },
    advance({ accBeta1, accBeta2, beta1, beta2 }) {
      write(accBeta1, read(accBeta1) * fround(beta1));
      write(accBeta2, read(accBeta2) * fround(beta2));
    },
  }],
  [tf.SGDOptimizer, stock(() => "DESCENT", () => [], ({ c }) => ({ a: read(c) }))],
  [
    tf.MomentumOptimizer,
    stock(
      ({ useNesterov }) => useNesterov ? "NESTEROV" : "MOMENTUM",
      () => [["accumulations", "momentum"]],
      ({ c, m }) => ({ a: read(c), b: read(m) }),
    ),
  ],
  [
    tf.AdagradOptimizer,
    stock(
      () => "ADAGRAD",
      () => [["accumulatedGrads", "accumulator"]],
      ({ learningRate }) => ({ a: -learningRate, e: tf.backend().epsilon() }),
    ),
  ],
  [
    tf.AdadeltaOptimizer,
    stock(
      () => "ADADELTA",
      () => [["accumulatedGrads", "accum_grad"], ["accumulatedUpdates", "accum_var"]],
      ({ learningRate, rho, epsilon }) => ({ a: -learningRate, b: rho, c: 1 - rho, e: epsilon }),
    ),
  ],
  [
    tf.RMSPropOptimizer,
    stock(
      ({ centered }) => centered ? "CENTERED_RMSPROP" : "RMSPROP",
      ({ centered }) => [
        ["accumulatedMeanSquares", "rms"],
        ["accumulatedMoments", "momentum"],
        ...centered ? [["accumulatedMeanGrads", "mg"] as const] : [],
      ],
      ({ learningRate, decay, momentum, epsilon }) => ({
        ...{ a: learningRate, b: decay, c: 1 - decay, d: momentum, e: epsilon },
      }),
    ),
  ],
  [tf.AdamaxOptimizer, {
    ...stock(
      () => "ADAMAX",
      () => [FIRST, ["accumulatedWeightedInfNorm", "v"]],
      ({ learningRate, decay, iteration, accBeta1, beta1, beta2, epsilon }) => {
        const divisor = fround(fround(read(iteration) * fround(decay)) + 1);
        const rate = fround(fround(-learningRate) / divisor) / fround(1 - read(accBeta1));
        return { a: rate, b: beta1, c: 1 - beta1, d: beta2, e: epsilon };
      },
    ),
    advance({ iteration, accBeta1, beta1 }) {
      write(iteration, read(iteration) + 1);
      write(accBeta1, read(accBeta1) * fround(beta1));
    },
  }],
];

function read(scalar: tf.Tensor): number {
  return scalar.dataSync()[0];
}

/** Sets a scalar, in place unless a clone shares its element. */
function write(scalar: tf.Variable, value: number): void {
  const elements = isSole(scalar) && memoryOf(scalar);
  if (elements) elements[0] = value;
  else tf.tidy(() => scalar.assign(tf.scalar(value)));
}

/** The rule of each method that computes an update as one call. */
const FUSED_UPDATES = new WeakMap<object, StockRule>();

/**
 * Whether an optimizer of `tf.train` computes an update as one call on the current backend: its
 * gradients may then be memory that is no tensor.
 */
export function isOneCall({ applyGradients }: tf.Optimizer): boolean {
  const rule = FUSED_UPDATES.get(applyGradients);
  return rule !== undefined && tf.getKernel(rule.kernelName, tf.getBackend()) !== undefined;
}

type Gradients = tf.NamedTensorMap | Gradient[];

interface Gradient {
  name: string;
  tensor: tf.Tensor | null;
}

/**
 * Makes the optimizers of `tf.train` update all weights in one call, instead of about ten for each. Their
 * state stays where it was, so that saving and loading work as before.
 */
export function fuseOptimizers(): void {
  for (const [{ prototype }, rule] of STOCK_RULES) {
    const own = prototype as { applyGradients(gradients: Gradients): void };
    const { applyGradients } = own;
    const fused = function (this: tf.Optimizer, gradients: Gradients): void {
      const entries = Array.isArray(gradients)
        ? gradients
        : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
      const ours = tf.getKernel(rule.kernelName, tf.getBackend()) !== undefined &&
        entries.every(fits);
      if (ours) update(this as unknown as StockOptimizer, rule, entries);
      else applyGradients.call(this, gradients);
    };
    FUSED_UPDATES.set(own.applyGradients = fused, rule);
  }
}

/** Whether a gradient is missing, or that of a variable as the kernels take them. */
function fits({ name, tensor }: Gradient): boolean {
  const value = tf.engine().registeredVariables[name];
  return !tensor || tensor.dtype === "float32" && value?.dtype === "float32" &&
      tf.util.arraysEqual(tensor.shape, value.shape);
}

function update(optimizer: StockOptimizer, rule: StockRule, gradients: Gradient[]): void {
  const lists = rule.slots(optimizer);
  const inputs: tf.Tensor[] = [];
  gradients.forEach(({ name, tensor }, i) => {
    const value = tf.engine().registeredVariables[name];
    const slots = lists.map(([list, ending]) => {
      const all = (optimizer as unknown as Record<string, StockSlot[]>)[list];
      all[i] ??= {
        originalName: `${name}/${ending}`,
        variable: tf.tidy(() =>
          tf.fill(value.shape, optimizer.initialAccumulatorValue ?? 0).variable(false)
        ),
      };
      return all[i].variable;
    });
    if (tensor) inputs.push(value, tensor, ...slots);
  });
  const tensors = 2 + lists.length;
  const variables = inputs.filter((_, i) => i % tensors !== 1) as tf.Variable[];
  const numbers = { ...rule.numbers(optimizer), tensors };
  runInPlace(rule.kernelName, inputs, numbers)!.forEach((updated, at) => {
    if (updated === variables[at]) return;
    variables[at].assign(updated);
    updated.dispose();
  });
  rule.advance?.(optimizer);
  optimizer.incrementIterations();
}
