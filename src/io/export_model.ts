import type { tf } from "../deps/tfjs.ts";
import { fileHandler } from "./file_handler.ts";

/**
 * Exports a model for a web page: `tf.loadLayersModel("…/model.json")` reads it there.
 *
 * @param model What to export.
 * @param folder Where to; it is made if need be.
 */
export async function exportModel(model: tf.LayersModel, folder: string | URL): Promise<void> {
  await model.save(fileHandler(folder));
}
