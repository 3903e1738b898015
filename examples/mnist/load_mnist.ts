import { join } from "node:path";
import { type NdArray, TensorDataset } from "../../mod.ts";
import { readIdx } from "../../data.ts";

/** Images and their labels: `images: [examples, height, width]`, `labels: [examples]`. */
export interface LabelledImages {
  /** The pixels, in MNIST as bytes: 0 is background, 255 is ink. */
  readonly images: NdArray;
  /** The class of each image. */
  readonly labels: NdArray;
}

/**
 * Reads the four files of MNIST, or of data in the same form such as Fashion-MNIST.
 *
 * Debian's package `dataset-fashion-mnist` has such files in `/usr/share/datasets/fashion-mnist`.
 *
 * @param folder Where the files are, each with or without `.gz`.
 * @returns The examples to train with and those to test with.
 * @throws {Error} If a file is missing or damaged.
 * @throws {RangeError} If images and labels do not belong together.
 */
export async function loadMnist(
  folder: string,
): Promise<{ train: LabelledImages; test: LabelledImages }> {
  return { train: await loadPart(folder, "train"), test: await loadPart(folder, "t10k") };
}

/** Bytes stay bytes: each batch is scaled to [0, 1] as it is built, `[batch, 28, 28, 1]`. */
export function datasetOf({ images, labels }: LabelledImages): TensorDataset {
  return new TensorDataset({
    data: { ...images, shape: [...images.shape, 1], scale: 1 / 255 },
    labels,
  });
}

async function loadPart(folder: string, part: string): Promise<LabelledImages> {
  const images = await readEither(join(folder, `${part}-images-idx3-ubyte`));
  const labels = await readEither(join(folder, `${part}-labels-idx1-ubyte`));
  for (const [name, axes, { shape }] of [["images", 3, images], ["labels", 1, labels]] as const) {
    if (shape.length !== axes) {
      throw new RangeError(
        `Cannot load ${folder} as ${part}-${name} must have ${axes} axes: ` +
          `current value is shape [${shape.join(", ")}]`,
      );
    }
  }
  if (images.shape[0] !== labels.shape[0]) {
    throw new RangeError(
      `Cannot load ${folder} as there must be a label for each of the ${images.shape[0]} images ` +
        `in ${part}: current value is ${labels.shape[0]} labels`,
    );
  }
  return { images, labels };
}

async function readEither(path: string): Promise<NdArray> {
  for (const candidate of [path, `${path}.gz`]) {
    try {
      return await readIdx(candidate);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(
    `Cannot load MNIST: there is no file ${path} or ${path}.gz`,
  );
}
