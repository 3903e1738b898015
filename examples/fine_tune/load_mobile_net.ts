import { MobileNetV2Model } from "npm:nsfwjs@4.4.0/models/mobilenet_v2";
import { tf } from "../../mod.ts";

/** A layer in the description of a model. */
interface LayerJson {
  name: string;
  config: Record<string, unknown>;
}

/**
 * Loads the lower part of a MobileNetV2 that was trained on photographs, up to its block 12.
 *
 * Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, arXiv:1801.04381.
 * The package `nsfwjs` carries the weights, as bytes of 8 bits.
 *
 * @param size Height and width of the images, in pixels, a multiple of 16.
 * @returns A model of `data: [batch, size, size, 3]` with values in [0, 1]; its features are
 *   `[batch, size / 16, size / 16, 96]`.
 */
export async function loadMobileNet(size: number): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest: [{ weights }] } = await defaultOf(
    MobileNetV2Model.modelJson(),
  );
  const topology = structuredClone(modelTopology);
  const { config } = topology.model_config;
  const last = "block_12_add";
  const end = config.layers.findIndex(({ name }: LayerJson) => name === last) + 1;
  config.layers = config.layers.slice(0, end);
  config.output_layers = [[last, 0, 0]];
  config.layers[0].config.batch_input_shape = [null, size, size, 3];
  for (const layer of config.layers as LayerJson[]) layer.config.trainable = true;
  const model = await tf.models.modelFromJSON(topology);
  const base64 = await defaultOf(MobileNetV2Model.weightBundles[0]());
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const all = tf.io.decodeWeights(bytes.buffer, weights);
  model.loadWeights(all, false); // those of the layers that were cut off are left over
  tf.dispose(all);
  return model;
}

// deno-lint-ignore no-explicit-any -- the package declares modules that bundlers unwrap
async function defaultOf(module: Promise<any>): Promise<any> {
  const loaded = await module;
  return loaded.default ?? loaded;
}
