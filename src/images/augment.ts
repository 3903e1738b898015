import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";

/**
 * Options of {@linkcode augment}. Each image draws its own values; what is left out is not changed.
 *
 * @category Images
 */
export interface AugmentOptions {
  /** Probability of a horizontal flip, in [0, 1]. Default: 0. */
  readonly flip?: number;
  /** Largest rotation to either side, in degrees, in [0, 180]. Default: 0. */
  readonly rotate?: number;
  /** Largest enlargement or reduction: 0.2 for 0.8 to 1.2 times, in [0, 1). Default: 0. */
  readonly zoom?: number;
  /** Largest shift along each axis, as a part of the image, in [0, 1]: a random crop. Default: 0. */
  readonly shift?: number;
  /** Largest change of brightness, added to every pixel, in [0, 1]. Default: 0. */
  readonly brightness?: number;
  /** Largest change of contrast, as a factor: 0.2 for 0.8 to 1.2, in [0, 1). Default: 0. */
  readonly contrast?: number;
  /** Largest change of saturation of colours, as a factor, in [0, 1]. Default: 0. */
  readonly saturation?: number;
  /** Largest part of each side of a rectangle that is made gray, in [0, 1]. Default: 0. */
  readonly erase?: number;
}

/** The largest value of each option. */
const LIMITS = {
  flip: { min: 0, max: 1 },
  rotate: { min: 0, max: 180, unit: "degrees" },
  zoom: { min: 0, below: 1 },
  shift: { min: 0, max: 1 },
  brightness: { min: 0, max: 1 },
  contrast: { min: 0, below: 1 },
  saturation: { min: 0, max: 1 },
  erase: { min: 0, max: 1 },
} as const;

/**
 * Makes a random augmentation of batches of images, for {@linkcode TransformBatch}.
 *
 * Images are changed on the device, a batch at once: flip, rotation, zoom and shift are one kernel.
 * Edges are mirrored. With a seed, the values depend on seed, epoch and batch only. As `RandAugment`
 * layers of Keras, `transforms` of torchvision and `aug_transforms` of fast.ai.
 *
 * Zhong et al., "Random erasing data augmentation", 2017, https://arxiv.org/abs/1708.04896.
 *
 * @param options What to change, and how much.
 * @returns A transformation of `data: [batch, height, width, channels] float32` from 0 to 1.
 * @throws {RangeError} If a number is out of range.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { TransformBatch } from "@trainchart/trainchart/callbacks";
 * import { augment } from "@trainchart/trainchart/images";
 * import { assertEquals } from "@std/assert";
 *
 * const mirror = augment({ flip: 1 });
 * const callback = new TransformBatch(augment({ flip: 0.5, rotate: 10, shift: 0.1, erase: 0.3 }));
 * const { data } = mirror({ data: tf.tensor4d([[[[0], [0.5], [1]]]]) }, Math.random);
 * assertEquals([...data.dataSync()], [1, 0.5, 0]);
 * assertEquals(callback.name, "TransformBatch");
 * ```
 *
 * @category Images
 */
export function augment(
  options: AugmentOptions,
): (batch: { data: tf.Tensor }, random: () => number) => { data: tf.Tensor } {
  const known = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, true]));
  checkOptions("augment images", options, known as Record<keyof AugmentOptions, true>);
  for (const [name, value] of Object.entries(options)) {
    checkNumber("augment images", name, value, LIMITS[name as keyof typeof LIMITS]);
  }
  return function augmented({ data }, random) {
    if (!(data instanceof tf.Tensor) || data.rank !== 4) {
      throw new TypeError(
        "Cannot augment images as data must be [batch, height, width, channels]: " +
          `current value is ${data instanceof tf.Tensor ? `[${data.shape}]` : typeof data}`,
      );
    }
    return {
      data: tf.tidy(() => {
        const moved = move(data as tf.Tensor4D, options, random);
        return erase(recolour(moved, options, random), options, random);
      }),
    };
  };
}

/** Draws from -1 to 1. */
const around = (random: () => number) => 2 * random() - 1;

/** One value for each image, `[batch, 1, 1, 1]`. */
function perImage(images: tf.Tensor4D, draw: () => number): tf.Tensor4D {
  const [batch] = images.shape;
  return tf.tensor4d(Array.from({ length: batch }, draw), [batch, 1, 1, 1]);
}

/** Flips, rotates, zooms and shifts around the centre, in one resampling. */
function move(
  images: tf.Tensor4D,
  { flip = 0, rotate = 0, zoom = 0, shift = 0 }: AugmentOptions,
  random: () => number,
): tf.Tensor4D {
  if (!flip && !rotate && !zoom && !shift) return images;
  const [batch, height, width] = images.shape;
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  // Each maps a pixel of the result to its place in the source.
  const rows = Array.from({ length: batch }, () => {
    const mirror = random() < flip ? -1 : 1;
    const angle = around(random) * rotate * Math.PI / 180;
    const scale = 1 / (1 + around(random) * zoom);
    const [moveX, moveY] = [around(random) * shift * width, around(random) * shift * height];
    const [cos, sin] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
    const [a, b, c, d] = [mirror * cos, -mirror * sin, sin, cos];
    const x = centreX - a * centreX - b * centreY + moveX;
    const y = centreY - c * centreX - d * centreY + moveY;
    return [a, b, x, c, d, y, 0, 0];
  });
  return tf.image.transform(images, tf.tensor2d(rows), "bilinear", "reflect");
}

/** Changes saturation, contrast and brightness, and keeps values from 0 to 1. */
function recolour(
  images: tf.Tensor4D,
  { brightness = 0, contrast = 0, saturation = 0 }: AugmentOptions,
  random: () => number,
): tf.Tensor4D {
  if (!brightness && !contrast && !saturation) return images;
  const factor = (most: number) => perImage(images, () => 1 + around(random) * most);
  let result: tf.Tensor4D = images;
  if (saturation && images.shape[3] > 1) {
    const gray = tf.mean(result, 3, true);
    result = result.sub(gray).mul(factor(saturation)).add(gray);
  }
  if (contrast) {
    const mean = tf.mean(result, [1, 2, 3], true);
    result = result.sub(mean).mul(factor(contrast)).add(mean);
  }
  if (brightness) result = result.add(perImage(images, () => around(random) * brightness));
  return result.clipByValue(0, 1) as tf.Tensor4D;
}

/** Makes a rectangle of each image gray. */
function erase(
  images: tf.Tensor4D,
  { erase: most = 0 }: AugmentOptions,
  random: () => number,
): tf.Tensor4D {
  if (!most) return images;
  const [, height, width] = images.shape;
  const inside = (length: number, shape: [number, number, number, number]) => {
    const sizes = Array.from(
      { length: images.shape[0] },
      () => Math.round(random() * most * length),
    );
    const starts = sizes.map((size) => Math.floor(random() * (length - size + 1)));
    const places = tf.range(0, length).reshape(shape);
    const column = (values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
    return tf.logicalAnd(
      places.greaterEqual(column(starts)),
      places.less(column(starts.map((start, index) => start + sizes[index]))),
    );
  };
  const erased = tf.logicalAnd(inside(height, [1, height, 1, 1]), inside(width, [1, 1, width, 1]));
  const keep = tf.sub(1, erased.toFloat());
  return images.mul(keep).add(tf.mul(0.5, tf.sub(1, keep)));
}
