/**
 * Convolutions and windows as the tables of integers that the kernels read.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";

/** Depth, height and width. */
export type Extent = [number, number, number];

/** A convolution in three dimensions; the others have a depth of one. */
export interface Convolution {
  /** Examples. */
  batch: number;
  /** Of the input. */
  input: Extent;
  /** Channels of the input. */
  channels: number;
  /** Of the results. */
  output: Extent;
  /** Channels of the results. */
  outChannels: number;
  /** Of the filter. */
  filter: Extent;
  /** Between two results. */
  stride: Extent;
  /** Between two elements of the filter. */
  dilation: Extent;
  /** In front. */
  pad: Extent;
}

/** Attributes that describe convolutions and windows, as tfjs passes them. */
export interface WindowAttributes {
  /** Between two results. */
  strides: number | number[];
  /** The padding. */
  pad: "same" | "valid" | number | [number, number][];
  /** Between two elements of the filter. */
  dilations?: number | number[];
  /** How sizes are rounded. */
  dimRoundingMode?: "floor" | "round" | "ceil";
  /** The order of the axes. */
  dataFormat?: string;
}

const { computeConv2DInfo, computeConv3DInfo } = tf.backend_util;
type Info2D = ReturnType<typeof computeConv2DInfo>;
type Info3D = ReturnType<typeof computeConv3DInfo>;

/** A 2D convolution, from the shapes of its input and filter. */
export function convolution2D(
  input: number[],
  filter: number[],
  { strides, dilations, pad, dimRoundingMode }: WindowAttributes,
  depthwise = false,
): Convolution {
  return fromInfo(computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    strides as number,
    (dilations ?? 1) as number,
    pad as "same",
    dimRoundingMode,
    depthwise,
  ));
}

/** A 3D convolution, from the shapes of its input and filter. */
export function convolution3D(
  input: number[],
  filter: number[],
  { strides, dilations, pad }: WindowAttributes,
): Convolution {
  return fromInfo(computeConv3DInfo(
    input as [number, number, number, number, number],
    filter as [number, number, number, number, number],
    strides as number,
    (dilations ?? 1) as number,
    pad as "same",
  ));
}

/** What tfjs computed, for two or three dimensions. */
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

/** Points of a grid of results. */
export function pointsOf({ batch, output }: Convolution): number {
  return batch * output[0] * output[1] * output[2];
}

/** Whether the patches are the pixels, so that the convolution is a plain product. */
export function isProduct({ filter, stride, pad }: Convolution): boolean {
  return [filter, stride].every((extent) => extent.every((n) => n === 1)) &&
    pad.every((n) => n === 0);
}

/** The table of `assembly/patches.ts`: the patches of an image at an address. */
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
  const count = c.filter[0] * c.filter[1] * c.filter[2];
  const image = [source, depth, height, width, c.channels];
  return [...image, ...c.output, ...c.stride, count, ...taps];
}

/** The table of `assembly/pool.ts`. */
export function windowTable(c: Convolution): number[] {
  return [
    ...[c.batch, ...c.input, c.channels, ...c.output],
    ...[...c.filter, ...c.stride, ...c.pad, ...c.dilation],
  ];
}
