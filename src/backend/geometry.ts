/**
 * The geometry of convolutions, poolings, resized images and ranges, and the tables that describe it to
 * the kernels.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { addressesIn, layOut } from "./kernel_constants.ts";

/** Depth, height and width. */
export type Extent = [number, number, number];

/** A convolution in three dimensions; in two dimensions the depth is one. */
export interface Convolution {
  /** Number of examples. */
  batch: number;
  /** Size of the input. */
  input: Extent;
  /** Channels of the input. */
  channels: number;
  /** Size of the results. */
  output: Extent;
  /** Channels of the results. */
  outChannels: number;
  /** Size of the filter. */
  filter: Extent;
  /** Pixels between the windows of two neighbouring results. */
  stride: Extent;
  /** Pixels between two neighbouring elements of the filter. */
  dilation: Extent;
  /** Padding in front of the input. */
  pad: Extent;
  /** Whether each channel has results of its own. */
  depthwise?: boolean;
}

/** The attributes by which tfjs describes convolutions and windows. */
export interface WindowAttributes {
  /** Pixels between the windows of two neighbouring results. */
  strides: number | number[];
  /** The padding. */
  pad: "same" | "valid" | number | [number, number][];
  /** Pixels between two neighbouring elements of the filter. Default: 1. */
  dilations?: number | number[];
  /** Rounding of sizes. Default: sizes must be integers. */
  dimRoundingMode?: "floor" | "round" | "ceil";
  /** The order of the axes. Default: channels last. */
  dataFormat?: string;
}

const { computeConv2DInfo, computeConv3DInfo } = tf.backend_util;
type Info2D = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type Info3D = ReturnType<typeof tf.backend_util.computeConv3DInfo>;

/** The geometry of a 2D convolution, from the shapes of its input and filter. */
export function convolution2D(
  input: number[],
  filter: number[],
  { strides, dilations, pad, dimRoundingMode }: WindowAttributes,
  depthwise = false,
): Convolution {
  checkChannels(input, filter);
  const info = computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    strides as number,
    (dilations ?? 1) as number,
    pad as "same",
    dimRoundingMode,
    depthwise,
  );
  return { ...fromInfo(info), depthwise };
}

/** The geometry of a 3D convolution, from the shapes of its input and filter. */
export function convolution3D(
  input: number[],
  filter: number[],
  { strides, dilations, pad }: WindowAttributes,
): Convolution {
  checkChannels(input, filter);
  return fromInfo(computeConv3DInfo(
    input as [number, number, number, number, number],
    filter as [number, number, number, number, number],
    strides as number,
    (dilations ?? 1) as number,
    pad as "same",
  ));
}

function checkChannels(input: number[], filter: number[]): void {
  if (input.at(-1) === filter.at(-2)) return;
  throw new TypeError(
    `Cannot convolve as the filter must be for ${input.at(-1)} channels: its shape is [${filter}]`,
  );
}

/** The geometry that tfjs computed for two or three dimensions. */
export function fromInfo(info: Info2D | Info3D): Convolution {
  const deep = info as Info3D;
  const flat = !("inDepth" in info);
  return {
    batch: info.batchSize,
    channels: info.inChannels,
    outChannels: info.outChannels,
    input: [flat ? 1 : deep.inDepth, info.inHeight, info.inWidth],
    output: [flat ? 1 : deep.outDepth, info.outHeight, info.outWidth],
    filter: [flat ? 1 : deep.filterDepth, info.filterHeight, info.filterWidth],
    stride: [flat ? 1 : deep.strideDepth, info.strideHeight, info.strideWidth],
    dilation: [flat ? 1 : deep.dilationDepth, info.dilationHeight, info.dilationWidth],
    pad: [flat ? 0 : deep.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
}

/** Number of points of the grid of results. */
export function pointsOf({ batch, output }: Convolution): number {
  return batch * output[0] * output[1] * output[2];
}

/** Number of pixels of an extent. */
export function volumeOf(extent: Extent): number {
  return extent[0] * extent[1] * extent[2];
}

/** The shape of the results of a convolution of images of a rank. */
export function resultShape(c: Convolution, rank: number, channels: number): number[] {
  return [c.batch, ...c.output.slice(5 - rank), channels];
}

/** The convolution of stride 1 that computes the input's gradient, by the mirrored filter. */
export function mirrored(c: Convolution): Convolution {
  return {
    ...c,
    input: c.output,
    output: c.input,
    channels: c.outChannels,
    outChannels: c.channels,
    pad: c.pad.map((n, axis) => (c.filter[axis] - 1) * c.dilation[axis] - n) as Extent,
  };
}

/**
 * The same convolution, with pixels joined along the width where windows neither overlap nor leave
 * any out: neighbours are channels of one pixel then. Where a window is a part of a column, lines are
 * joined to one, in which its pixels are a line apart.
 */
export function joined(c: Convolution): Convolution {
  const { input, output, filter, stride, pad, dilation, channels } = c;
  if (filter.join() === "1,3,1" && sizeIn(stride) === 1 && pad[2] === 0 && input[2] === output[2]) {
    const width = input[2];
    return {
      ...c,
      input: [input[0], 1, input[1] * width],
      output: [output[0], 1, output[1] * width],
      filter: [1, 1, 3],
      dilation: [1, 1, dilation[1] * width],
      pad: [pad[0], 0, pad[1] * width],
    };
  }
  const size = filter[2];
  const fits = size > 1 && stride[2] === size && pad[2] === 0 && dilation[2] === 1 &&
    input[2] === output[2] * size;
  if (!fits) return c;
  return {
    ...c,
    input: [input[0], input[1], output[2]],
    channels: channels * size,
    filter: [filter[0], filter[1], 1],
    stride: [stride[0], stride[1], 1],
  };
}

/** Product of the sizes along all axes. */
function sizeIn([depth, height, width]: Extent): number {
  return depth * height * width;
}

/** Whether each patch is one pixel, so that the convolution is a product of matrices. */
export function isProduct({ filter, stride, input, output }: Convolution): boolean {
  return [filter, stride].every((extent) => extent.every((n) => n === 1)) &&
    input.every((n, axis) => n === output[axis]);
}

/** The places of the addresses in a table of patches. */
export const PATCH_ADDRESSES: readonly number[] = addressesIn("patch_table");

/** The table of `assembly/patches.ts`, for an image at an address. */
export function patchTable(c: Convolution, source: number): number[] {
  const [depth, height, width] = c.input;
  const taps: number[] = [];
  for (let z = 0; z < c.filter[0]; z++) {
    for (let y = 0; y < c.filter[1]; y++) {
      for (let x = 0; x < c.filter[2]; x++) {
        const place = [z, y, x].map((i, axis) => i * c.dilation[axis] - c.pad[axis]);
        const pixels = (place[0] * height + place[1]) * width + place[2];
        taps.push(...place, pixels * c.channels * 4);
      }
    }
  }
  const [GRID_Z, GRID_Y, GRID_X] = c.output, [STEP_Z, STEP_Y, STEP_X] = c.stride;
  const image = layOut("patch_table", {
    ...{ SOURCE: source, DEPTH: depth, HEIGHT: height, WIDTH: width, CHANNELS: c.channels },
    ...{ GRID_Z, GRID_Y, GRID_X, STEP_Z, STEP_Y, STEP_X },
    TAPS: c.filter[0] * c.filter[1] * c.filter[2],
  });
  return [...image, ...taps];
}

/** The table of `assembly/pool.ts`. */
export function windowTable(c: Convolution): number[] {
  const [DEPTH, HEIGHT, WIDTH] = c.input, [OUT_Z, OUT_Y, OUT_X] = c.output;
  const [WINDOW_Z, WINDOW_Y, WINDOW_X] = c.filter, [STEP_Z, STEP_Y, STEP_X] = c.stride;
  const [PAD_Z, PAD_Y, PAD_X] = c.pad, [DILATION_Z, DILATION_Y, DILATION_X] = c.dilation;
  // deno-fmt-ignore
  return layOut("window_table", {
    DEPTH, HEIGHT, WIDTH, CHANNELS: c.channels, OUT_Z, OUT_Y, OUT_X,
    WINDOW_Z, WINDOW_Y, WINDOW_X, STEP_Z, STEP_Y, STEP_X,
    PAD_Z, PAD_Y, PAD_X, DILATION_Z, DILATION_Y, DILATION_X,
  });
}

/** The attributes by which tfjs describes a resizing. */
interface ResizeAttributes {
  /** Whether the corners of both images meet. */
  alignCorners: boolean;
  /** Whether a pixel's place is that of its centre. */
  halfPixelCenters: boolean;
}

/** The pixels along one axis that a result is made of, and their weights. */
export type Reading = [pixel: number, share: number][];

/** Says what results along one axis are made of: their number, and that of the pixels. */
export type Readings = (results: number, pixels: number, attributes: ResizeAttributes) => Reading[];

function scaleOf(results: number, pixels: number, { alignCorners }: ResizeAttributes): number {
  return alignCorners && results > 1 ? (pixels - 1) / (results - 1) : pixels / results;
}

/** Each result lies between two pixels. */
export const bilinearReadings: Readings = (results, pixels, attributes) => {
  const scale = scaleOf(results, pixels, attributes);
  return Array.from({ length: results }, (_, i) => {
    const place = attributes.halfPixelCenters ? (i + 0.5) * scale - 0.5 : i * scale;
    const first = Math.max(0, Math.floor(place)), second = Math.min(pixels - 1, Math.ceil(place));
    if (first === second) return [[first, 1]];
    return [[first, 1 - (place - first)], [second, place - first]];
  });
};

/** Each result is one pixel. */
export const nearestReadings: Readings = (results, pixels, attributes) => {
  const scale = scaleOf(results, pixels, attributes);
  return Array.from({ length: results }, (_, i) => {
    const place = scale * (attributes.halfPixelCenters ? i + 0.5 : i);
    const nearest = attributes.alignCorners ? Math.round(place) : Math.floor(place);
    return [[Math.max(0, Math.min(pixels - 1, nearest)), 1]];
  });
};

/** The attributes of `tf.range`. */
export interface RangeAttributes {
  start: number;
  stop: number;
  step: number;
  dtype: tf.DataType;
}

/** Length and step of a range: like tfjs, a step of 1 goes down where the range does. */
export function stepsOf({ start, stop, step }: RangeAttributes): { count: number; step: number } {
  const isEmpty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const count = isEmpty ? 0 : Math.abs(Math.ceil((stop - start) / step));
  return { count, step: stop < start && step === 1 ? -1 : step };
}
