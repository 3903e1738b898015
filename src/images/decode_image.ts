import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { readImageHeader } from "./read_image_header.ts";

/**
 * An image in plain memory.
 *
 * @category Images
 */
export interface Pixels {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** `[height, width, 4]`: red, green, blue and opacity of each pixel, from 0 to 255. */
  readonly data: Uint8ClampedArray;
}

/**
 * Options of {@linkcode decodeImage}.
 *
 * @category Images
 */
export interface DecodeImageOptions {
  /**
   * Largest number of pixels, an integer >= 1: a small file can unpack to a huge image.
   * Default: 2^26, 8192 by 8192.
   */
  readonly maxPixels?: number;
  /** Name of the file, for errors. Default: `"the image"`. */
  readonly name?: string;
}

/** Each decoder is loaded when it is first needed. */
const DECODERS = {
  png: async () => (await import("../deps/jsquash_png.ts")).decode,
  jpeg: async () => (await import("../deps/jsquash_jpeg.ts")).decode,
  webp: async () => (await import("../deps/jsquash_webp.ts")).decode,
};

/**
 * Decodes a PNG, JPEG or WebP file; the format is told by its content.
 *
 * @param bytes The file.
 * @param options Limit and name.
 * @returns The pixels.
 * @throws {TypeError} If the file is of another format or damaged, or an option is unknown.
 * @throws {RangeError} If the image has more than `maxPixels` pixels.
 *
 * @example
 * ```ts
 * import { decodeImage } from "@trainchart/trainchart/images";
 * import { assertEquals } from "@std/assert";
 *
 * // A file: await Deno.readFile("cat.png")
 * const file = await fetch(
 *   "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q" +
 *     "DwADhgGAWjR9awAAAABJRU5ErkJggg==",
 * );
 * const { width, height } = await decodeImage(new Uint8Array(await file.arrayBuffer()));
 * assertEquals([width, height], [1, 1]);
 * ```
 *
 * @category Images
 */
export async function decodeImage(
  bytes: Uint8Array<ArrayBuffer>,
  options: DecodeImageOptions = {},
): Promise<Pixels> {
  checkOptions("decode an image", options, { maxPixels: true, name: true });
  const { maxPixels = 2 ** 26, name = "the image" } = options;
  checkNumber("decode an image", "maxPixels", maxPixels, { integer: true, min: 1 });
  const header = readImageHeader(bytes);
  if (!header?.size) {
    throw new TypeError(
      `Cannot decode ${name} as it must be a PNG, JPEG or WebP file: it is no such file`,
    );
  }
  const [width, height] = header.size;
  if (width * height > maxPixels) {
    throw new RangeError(
      `Cannot decode ${name} as it must have at most ${maxPixels} pixels: it has ${width} by ${height}`,
    );
  }
  try {
    const decode = await DECODERS[header.format]();
    return await decode(bytes.slice().buffer) as Pixels;
  } catch (cause) {
    throw new TypeError(`Cannot decode ${name}: its ${header.format} data are damaged`, {
      cause,
    });
  }
}
