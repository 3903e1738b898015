import type { tf } from "../deps/tfjs.ts";
import { readTensors } from "./read_tensors.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/**
 * Saves the weights of a model in the safetensors format, in the layout of TensorFlow.js.
 *
 * @param model Anything with named weights.
 * @param path Where to; an older file there is replaced in a single step.
 * @throws whatever the file system threw; then an older file there is untouched.
 */
export async function saveWeights(model: tf.LayersModel, path: string | URL): Promise<void> {
  const tensors = new Map(model.weights.map((weight) => [weight.originalName, weight.read()]));
  await writeSafetensors(path, await readTensors(tensors), { format: "tfjs" });
}
