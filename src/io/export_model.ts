import { describeValue } from "../checks/describe_value.ts";
import { tf } from "../deps/tfjs.ts";
import { fileHandler } from "./file_handler.ts";

/**
 * Exports a model for a web page: `tf.loadLayersModel("…/model.json")` reads it there.
 *
 * @param model The model.
 * @param folder Folder of `model.json` and `weights.bin`; it is created if it is missing.
 * @throws {TypeError} If the model is not a `tf.LayersModel`.
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
