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

/** Whether the patches are the input itself, so that the convolution is a plain product. */
export function isProduct({ filter, stride, pad }: Convolution): boolean {
  return [filter, stride].every((extent) => extent.every((n) => n === 1)) &&
    pad.every((n) => n === 0);
}

/** One element of the filter: its place from a patch's first pixel, its index in the filter. */
interface Tap {
  place: Extent;
  index: number;
}

/** A grid of points, the image whose patches belong to them, and where the results go. */
interface Patches {
  /** The address of the image. */
  source: number;
  /** The size of the image. */
  size: Extent;
  channels: number;
  grid: Extent;
  step: Extent;
  /** The address of the first result. */
  target: number;
  /** Bytes between two examples, and two points along each axis. */
  targetSteps: [number, ...Extent];
  taps: Tap[];
  /** Bytes between two taps in the filter. */
  tapBytes: number;
}

/** The table of `assembly/patches.ts`. */
function patchTable(p: Patches): number[] {
  const [, height, width] = p.size;
  return [
    p.source,
    ...p.size,
    p.channels,
    ...p.grid,
    ...p.step,
    p.target,
    ...p.targetSteps,
    p.taps.length,
    ...p.taps.flatMap(({ place, index }) => [
      ...place,
      ((place[0] * height + place[1]) * width + place[2]) * p.channels * 4,
      index * p.tapBytes,
    ]),
  ];
}

/** Every element of a filter; `place` says where it looks, or `undefined` to leave it out. */
function listTaps(filter: Extent, place: (axis: number, i: number) => number | undefined): Tap[] {
  const taps: Tap[] = [];
  let index = 0;
  for (let z = 0; z < filter[0]; z++) {
    for (let y = 0; y < filter[1]; y++) {
      for (let x = 0; x < filter[2]; x++, index++) {
        const at = [z, y, x].map((i, axis) => place(axis, i));
        if (at.every((n) => n !== undefined)) taps.push({ place: at as Extent, index });
      }
    }
  }
  return taps;
}

/** Bytes between examples and points, in a tensor of `channels` channels. */
function stepsOf([depth, height, width]: Extent, channels: number): [number, ...Extent] {
  const x = channels * 4, y = x * width, z = y * height;
  return [z * depth, z, y, x];
}

/** The patches of a convolution's input, at the addresses of the input and of the results. */
export function inputPatches(c: Convolution, source: number, target = 0): number[] {
  return patchTable({
    source,
    size: c.input,
    channels: c.channels,
    grid: c.output,
    step: c.stride,
    target,
    targetSteps: stepsOf(c.output, c.outChannels),
    taps: listTaps(c.filter, (axis, i) => i * c.dilation[axis] - c.pad[axis]),
    tapBytes: c.channels * c.outChannels * 4,
  });
}

/**
 * The patches of the results' gradient whose products with the filter are the input's gradient.
 *
 * An input pixel meets only the taps whose results exist: with a stride of `s` they depend on its
 * place modulo `s`. So there is one grid for each remainder, and no product with a zero.
 */
export function gradientPatches(
  c: Convolution,
  source: number,
  target: number,
): { points: number; table: number[] }[] {
  const targetSteps = stepsOf(c.input, c.channels);
  const phases: { points: number; table: number[] }[] = [];
  for (let pz = 0; pz < c.stride[0]; pz++) {
    for (let py = 0; py < c.stride[1]; py++) {
      for (let px = 0; px < c.stride[2]; px++) {
        const phase = [pz, py, px];
        const grid = phase.map((p, axis) =>
          Math.max(Math.ceil((c.input[axis] - p) / c.stride[axis]), 0)
        ) as Extent;
        const points = c.batch * grid[0] * grid[1] * grid[2];
        if (points === 0) continue;
        const table = patchTable({
          source,
          size: c.output,
          channels: c.outChannels,
          grid,
          step: [1, 1, 1],
          target: target + phase.reduce((sum, p, axis) => sum + p * targetSteps[axis + 1], 0),
          targetSteps: targetSteps.map((step, i) => i === 0 ? step : step * c.stride[i - 1]) as [
            number,
            ...Extent,
          ],
          taps: listTaps(c.filter, (axis, i) => {
            const distance = phase[axis] + c.pad[axis] - i * c.dilation[axis];
            return distance % c.stride[axis] === 0 ? distance / c.stride[axis] : undefined;
          }),
          tapBytes: c.channels * c.outChannels * 4,
        });
        phases.push({ points, table });
      }
    }
  }
  return phases;
}

/** The table of `assembly/pool.ts`. */
export function windowTable(c: Convolution): number[] {
  return [
    ...[c.batch, ...c.input, c.channels, ...c.output],
    ...[...c.filter, ...c.stride, ...c.pad, ...c.dilation],
  ];
}
