import type { Pixels } from "./decode_image.ts";

/** The way to bring an image to a size, and the number of channels to keep. */
export interface ResizeOptions {
  /** Height and width of the result, integers >= 1. */
  readonly size: readonly [height: number, width: number];
  /** 3 for red, green and blue, or 1 for luminance. */
  readonly channels: 1 | 3;
  /** Whether the middle is cut out, or the whole image is stretched. */
  readonly fit: "cover" | "stretch";
}

/** Luminance of red, green and blue: ITU-R BT.601. */
const LUMINANCE = [0.299, 0.587, 0.114];

/**
 * Resizes an image by a triangle filter, which averages when it reduces, so that fine patterns do not
 * alias. Opacity is dropped.
 *
 * @param pixels The image.
 * @param options Size, channels and fit.
 * @returns `[height, width, channels]`, from 0 to 255.
 */
export function resizePixels(pixels: Pixels, { size, channels, fit }: ResizeOptions): Uint8Array {
  const [height, width] = size;
  const scale = Math.min(pixels.height / height, pixels.width / width);
  const [down, across] = fit === "cover"
    ? [scale, scale]
    : [pixels.height / height, pixels.width / width];
  const rows = weightsOf(height, pixels.height, down);
  const columns = weightsOf(width, pixels.width, across);
  // Columns first, of the rows that are needed: [rows of the source, width, channels].
  const narrow = new Float32Array(pixels.height * width * channels);
  for (let y = rows[0].start; y < rows[height - 1].start + rows[height - 1].weights.length; y++) {
    columns.forEach(({ start, weights }, x) => {
      const to = (y * width + x) * channels;
      weights.forEach((weight, index) => {
        const from = (y * pixels.width + start + index) * 4;
        for (let channel = 0; channel < 3; channel++) {
          const value = weight * pixels.data[from + channel];
          if (channels === 3) narrow[to + channel] += value;
          else narrow[to] += value * LUMINANCE[channel];
        }
      });
    });
  }
  const resized = new Uint8Array(height * width * channels);
  const stride = width * channels;
  rows.forEach(({ start, weights }, y) => {
    for (let x = 0; x < stride; x++) {
      let sum = 0;
      for (let row = 0; row < weights.length; row++) {
        sum += weights[row] * narrow[(start + row) * stride + x];
      }
      resized[y * stride + x] = Math.min(255, Math.round(sum));
    }
  });
  return resized;
}

/** The part of each source pixel in each pixel of the result, along one axis; centred. */
function weightsOf(
  length: number,
  source: number,
  scale: number,
): { start: number; weights: Float32Array }[] {
  const offset = (source - length * scale) / 2;
  const reach = Math.max(1, scale);
  return Array.from({ length }, (_, index) => {
    const centre = offset + (index + 0.5) * scale - 0.5;
    const start = Math.max(0, Math.ceil(centre - reach));
    const end = Math.min(source - 1, Math.floor(centre + reach));
    const weights = Float32Array.from(
      { length: end - start + 1 },
      (_, place) => Math.max(0, 1 - Math.abs(start + place - centre) / reach),
    );
    const sum = weights.reduce((a, b) => a + b);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}
