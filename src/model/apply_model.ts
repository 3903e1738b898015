import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/describe_value.ts";
import { markOutputs } from "./mark_outputs.ts";
import type { Model } from "./model.ts";

/**
 * Applies a model to data. A `tf.LayersModel` takes its inputs in order only: it is given the
 * entries of a record that are named like its inputs.
 *
 * @throws {TypeError} If the record lacks an input.
 */
export function applyModel(
  model: tf.LayersModel | Model,
  data: unknown,
  options: { training: boolean },
): unknown {
  const outputs = (model as Model).apply(isRecord(data) ? inOrder(model, data) : data, options);
  markOutputs(model, outputs);
  return outputs;
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === "object" && data !== null && !Array.isArray(data) &&
    !(data instanceof tf.Tensor);
}

function inOrder(model: tf.LayersModel | Model, data: Record<string, unknown>): unknown {
  if (!(model instanceof tf.LayersModel) || !model.inputNames) return data;
  return model.inputNames.map((name) => {
    if (Object.hasOwn(data, name)) return data[name];
    throw new TypeError(
      `Cannot apply the model as data must have its inputs ${model.inputNames.join(", ")}: ` +
        `current value is ${describeValue(data)}`,
    );
  });
}
