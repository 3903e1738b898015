import { fileSystem } from "../host/files.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { ArrayDataset, type Batch, type Dataset } from "../data/dataset.ts";
import { tf } from "../deps/tfjs.ts";
import { toPath } from "../io/files.ts";
import { writeTensor } from "../tensors/tensor_memory.ts";
import { decodeImage } from "./decode_image.ts";
import { resizePixels } from "./resize_pixels.ts";

/**
 * Options of {@linkcode imageFolder}.
 *
 * @category Images
 */
export interface ImageFolderOptions {
  /** Height and width that images are brought to, integers >= 1; one number for both. */
  readonly size: number | readonly [height: number, width: number];
  /** 3 for red, green and blue, or 1 for shades of gray. Default: 3. */
  readonly channels?: 1 | 3;
  /** Whether the middle is cut out, or the whole image is stretched. Default: `"cover"`. */
  readonly fit?: "cover" | "stretch";
  /** Whether resized images are kept in memory, so that each is decoded once. Default: `false`. */
  readonly cache?: boolean;
  /** Largest number of pixels of a file, an integer >= 1. Default: 2^26. */
  readonly maxPixels?: number;
}

/**
 * Images of a folder with a folder for each class.
 *
 * @category Images
 */
export interface ImageFolder extends Dataset<Batch> {
  /** Names of the classes: of the folders, in alphabetical order. */
  readonly classes: readonly string[];
  /** Index of the class of each image, for `split(folder, sizes, { stratify: folder.labels })`. */
  readonly labels: Int32Array;
  /** Path of each image. */
  readonly paths: readonly string[];
}

const IMAGE = /\.(png|jpe?g|webp)$/i;

/**
 * Lists the images of a folder that has a folder for each class; they are decoded batch by batch.
 *
 * A batch is `data: [batch, height, width, channels] float32` from 0 to 1, and
 * `labels: [batch] int32`. As `image_dataset_from_directory` of Keras and `ImageFolder` of PyTorch.
 *
 * @param folder The folder, a path or a `file:` URL: `folder/cat/1.png`, `folder/dog/2.jpg`.
 * @param options Size, channels and memory.
 * @returns The dataset; a `DataLoader` with `prefetch` decodes ahead.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range, or there is no image.
 *
 * @example
 * ```ts
 * import { DataLoader } from "@trainchart/trainchart";
 * import { imageFolder } from "@trainchart/trainchart/images";
 *
 * async function loaderOf(folder: string) {
 *   const dataset = await imageFolder(folder, { size: 64, cache: true });
 *   console.log(dataset.length, "images of", dataset.classes);
 *   return new DataLoader({ dataset, batchSize: 32, shuffle: true, prefetch: 4 });
 * }
 * ```
 *
 * @category Images
 */
export async function imageFolder(
  folder: string | URL,
  options: ImageFolderOptions,
): Promise<ImageFolder> {
  const action = "read a folder of images";
  checkOptions(action, options, {
    ...{ size: true, channels: true, fit: true, cache: "flag", maxPixels: true },
  });
  const { channels = 3, fit = "cover", cache = false, maxPixels } = options;
  const [height, width] = typeof options.size === "number"
    ? [options.size, options.size]
    : options.size ?? [];
  checkNumber(action, "size", height, { integer: true, min: 1 });
  checkNumber(action, "size", width, { integer: true, min: 1 });
  if (![1, 3].includes(channels) || !["cover", "stretch"].includes(fit)) {
    throw new TypeError(
      `Cannot ${action} as channels must be 1 or 3, and fit "cover" or "stretch": ` +
        `current values are ${channels} and ${fit}`,
    );
  }
  const images = await listImages(toPath(folder));
  const classes = [...new Set(images.map(({ name }) => name))];
  const labels = Int32Array.from(images, ({ name }) => classes.indexOf(name));
  const kept = new Map<string, Uint8Array>();
  const load = async (index: number, signal?: AbortSignal): Promise<Uint8Array> => {
    const { path } = images[index];
    const found = kept.get(path);
    if (found) return found;
    const bytes = await fileSystem.readFile(path, { signal });
    const pixels = await decodeImage(bytes, { name: path, ...maxPixels && { maxPixels } });
    const resized = resizePixels(pixels, { size: [height, width], channels, fit });
    if (cache) kept.set(path, resized);
    return resized;
  };
  const dataset = new ArrayDataset([...images.keys()], {
    load: async (index, signal) => ({ pixels: await load(index, signal), label: labels[index] }),
    collate: (examples): Batch => ({
      data: writeTensor([examples.length, height, width, channels], "float32", (elements) => {
        examples.forEach(({ pixels }, example) => {
          const start = example * pixels.length;
          for (let at = 0; at < pixels.length; at++) elements[start + at] = pixels[at] / 255;
        });
      }),
      labels: tf.tensor1d(examples.map(({ label }) => label), "int32"),
    }),
  });
  return {
    classes,
    labels,
    paths: images.map(({ path }) => path),
    length: dataset.length,
    batch: (indices, signal) => dataset.batch(indices, signal),
  };
}

/** Images by class and name, so that their order is the same on every file system. */
async function listImages(folder: string): Promise<{ name: string; path: string }[]> {
  const images: { name: string; path: string }[] = [];
  const list = (path: string) => fileSystem.readdir(path, { withFileTypes: true });
  for (const entry of await list(folder)) {
    if (!entry.isDirectory()) continue;
    const { name } = entry;
    for (const file of await list(`${folder}/${name}`)) {
      if (!file.isFile() || !IMAGE.test(file.name)) continue;
      images.push({ name, path: `${folder}/${name}/${file.name}` });
    }
  }
  if (images.length > 0) return images.sort((a, b) => a.path < b.path ? -1 : 1);
  throw new RangeError(
    `Cannot read a folder of images as ${folder} must have folders with PNG, JPEG or WebP files: ` +
      "it has no such folder",
  );
}
