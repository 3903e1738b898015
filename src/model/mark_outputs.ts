import { tf } from "../deps/tfjs.ts";
import { markOutput, type OutputMark } from "../tensors/output_mark.ts";

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
