import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/describe_value.ts";
import type { Model } from "./model.ts";
import { markOutput, type OutputMark } from "../tensors/outputs.ts";

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

/** Layers that change the shape of their input, and no value. */
const SHAPING = new Set(["Flatten", "Permute", "RepeatVector", "Reshape"]);

const KNOWN: ReadonlySet<string> = new Set(["softmax", "sigmoid", "linear"]);

const marks = new WeakMap<tf.LayersModel, readonly OutputMark[]>();

/** Marks the outputs of a model that is made of layers; those of any other are left alone. */
export function markOutputs(model: unknown, outputs: unknown): void {
  if (!(model instanceof tf.LayersModel)) return;
  const own = marksOf(model);
  [outputs].flat().forEach((output, index) => {
    if (output instanceof tf.Tensor && own[index]) markOutput(output, own[index]);
  });
}

function marksOf(model: tf.LayersModel): readonly OutputMark[] {
  let own = marks.get(model);
  if (!own && model.outputs) {
    own = model.outputs.map((output, index) => ({
      name: model.outputNames[index],
      activation: activationOf(output),
    }));
    marks.set(model, own);
  }
  return own ?? [];
}

/** The activation that a symbolic tensor went through last. */
function activationOf(output: tf.SymbolicTensor): OutputMark["activation"] {
  const { sourceLayer: layer, nodeIndex, tensorIndex } = output;
  if (layer instanceof tf.LayersModel) return activationOf(layer.outputs[tensorIndex ?? 0]);
  if (layer.getClassName() === "Softmax") return "softmax";
  if (SHAPING.has(layer.getClassName())) {
    const [input] = [layer.getInputAt(nodeIndex)].flat();
    return activationOf(input);
  }
  const { activation } = layer as { activation?: { getClassName?(): string } };
  const name = activation?.getClassName?.();
  return name !== undefined && KNOWN.has(name) ? name as OutputMark["activation"] : undefined;
}
