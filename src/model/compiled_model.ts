import { tf } from "../deps/tfjs.ts";
import { type LossFunction, meanOf, meanOfStock, type StockLoss } from "../losses/named_loss.ts";
import { pure } from "../losses/pure_losses.ts";

/** The settings of a model that was compiled. */
export interface CompiledModel {
  /** The optimizer. */
  readonly optimizer: tf.Optimizer;
  /** The loss: the sum over all outputs. */
  readonly lossFunction: LossFunction;
  /** The metrics, by their names in TensorFlow.js: `acc`, `meanAbsoluteError`. */
  // deno-lint-ignore no-explicit-any -- predictions and labels of any kind
  readonly metrics: Readonly<Record<string, (predictions: any, labels: any) => tf.Tensor>>;
}

/** Members of `tf.LayersModel` that `compile()` sets. */
interface Compiled {
  readonly optimizer?: tf.Optimizer;
  readonly loss?: unknown;
  readonly lossFunctions?: StockLoss[];
  readonly metricsNames?: string[];
  readonly metricsTensors?: [metric: StockLoss, output: number][];
  readonly collectedTrainableWeights?: { read(): tf.Variable }[];
}

/** Returns the settings with which a model was compiled; `undefined` if it was not. */
export function compiledModel(model: unknown): CompiledModel | undefined {
  const inner = innerOf(model);
  const { optimizer, loss, lossFunctions = [], metricsNames = [], metricsTensors = [] } = inner;
  if (!optimizer || lossFunctions.length === 0) return;
  const metrics = metricsTensors.map(([metric, output], index) => {
    const name = metricsNames[index + 1]; // the first name is that of the loss
    const part = (value: unknown) => Array.isArray(value) ? value[output] : value;
    return [
      name,
      (predictions: unknown, labels: unknown) => meanOf(metric, part(predictions), part(labels)),
    ] as const;
  });
  return {
    optimizer,
    lossFunction: hasNames(loss) ? pure(meanOfStock(lossFunctions)) : meanOfStock(lossFunctions),
    metrics: Object.fromEntries(metrics),
  };
}

/** Returns the weights that were trainable when a model was compiled; `undefined` if it was not. */
export function compiledVariables(model: tf.LayersModel): tf.Variable[] | undefined {
  return innerOf(model).collectedTrainableWeights?.map((weight) => weight.read());
}

/** Whether losses are given by their names, in a list or by output. */
function hasNames(loss: unknown): boolean {
  if (typeof loss !== "object" || loss === null) return typeof loss === "string";
  return Object.values(loss).every(hasNames);
}

/** The model that `compile()` sets members on: a sequential model wraps another one. */
function innerOf(model: unknown): Compiled {
  if (!(model instanceof tf.LayersModel)) return {};
  return (model as { model?: Compiled }).model ?? model as unknown as Compiled;
}
