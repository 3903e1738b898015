import { describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { fileHandler } from "./file_handler.ts";

/**
 * Exports a model for a web page: `tf.loadLayersModel("…/model.json")` reads it there.
 *
 * @param model The model.
 * @param folder Folder of `model.json` and `weights.bin`; it is created if it is missing.
 * @throws {TypeError} If the model is not a `tf.LayersModel`.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { exportModel, fileHandler } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * await exportModel(model, folder);
 * const loaded = await tf.loadLayersModel(fileHandler(folder));
 * assertEquals(loaded.getWeights()[0].arraySync(), model.getWeights()[0].arraySync());
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Files
 */
export async function exportModel(model: tf.LayersModel, folder: string | URL): Promise<void> {
  if (!(model instanceof tf.LayersModel)) {
    throw new TypeError(
      `Cannot export a model as it must be a tf.LayersModel: current value is ${
        describeValue(model)
      }`,
    );
  }
  await model.save(fileHandler(folder));
}
