/**
 * Gradients of convolutions and of pooling, and of these gradients.
 *
 * With an input x, a filter w and gradients v, all three kernels of a convolution are gradients of
 * one number, `sum(v * convolve(x, w))`, which is linear in each of them. So the gradients of each
 * kernel are the other two. The windows of pooling are slices, one for each tap.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Attributes,
  type Gradients,
  hasKernel,
  isRecorded,
  pullBack,
  registerGradient,
  registerGradients,
  run,
} from "./gradient.ts";
import { type Convolution, fromInfo } from "../geometry.ts";

/** The kernels of one kind of convolution. */
interface Family {
  forward: string;
  input: string;
  filter: string;
}

const PLAIN: Family = {
  forward: "Conv2D",
  input: "Conv2DBackpropInput",
  filter: "Conv2DBackpropFilter",
};
const DEPTHWISE: Family = {
  forward: "DepthwiseConv2dNative",
  input: "DepthwiseConv2dNativeBackpropInput",
  filter: "DepthwiseConv2dNativeBackpropFilter",
};
const DEEP: Family = {
  forward: "Conv3D",
  input: "Conv3DBackpropInputV2",
  filter: "Conv3DBackpropFilterV2",
};

/** Registers the gradients. */
export function registerConvolutions(): void {
  for (const family of [PLAIN, DEPTHWISE, DEEP]) {
    registerGradient(
      family.forward,
      { inputs: ["x", "filter"] },
      (dy, [x, filter], attributes) => slopes(family, dy, x, filter, attributes),
    );
    registerGradient(family.input, { inputs: ["dy", "filter"] }, (ddx, saved, attributes) => {
      const [dy, filter] = saved;
      return {
        dy: () => convolve(family, ddx, filter, attributes),
        filter: () => filterSlope(family, ddx, dy, filter.shape, attributes),
      };
    });
    registerGradient(family.filter, { inputs: ["x", "dy"] }, (ddw, [x, dy], attributes) => ({
      x: () => inputSlope(family, dy, ddw, x.shape, attributes),
      dy: () => convolve(family, x, ddw, attributes),
    }));
  }
}

/** The gradients of a 2D convolution's input and filter. */
export function convolutionGradients(
  dy: tf.Tensor,
  x: tf.Tensor,
  filter: tf.Tensor,
  attributes: Attributes,
): Gradients {
  return slopes(PLAIN, dy, x, filter, attributes);
}

function slopes(
  family: Family,
  dy: tf.Tensor,
  x: tf.Tensor,
  filter: tf.Tensor,
  attributes: Attributes,
): Gradients {
  return {
    x: () => inputSlope(family, dy, filter, x.shape, attributes),
    filter: () => filterSlope(family, x, dy, filter.shape, attributes),
  };
}

/** The part of the attributes that all kernels of a family understand. */
function shared(attributes: Attributes): Attributes {
  const { strides, pad, dataFormat, dimRoundingMode } = attributes;
  return { strides, pad, dataFormat, dilations: attributes.dilations ?? 1, dimRoundingMode };
}

function convolve(
  family: Family,
  x: tf.Tensor,
  filter: tf.Tensor,
  attributes: Attributes,
): tf.Tensor {
  return run(family.forward, { x, filter }, shared(attributes));
}

function inputSlope(
  family: Family,
  dy: tf.Tensor,
  filter: tf.Tensor,
  inputShape: number[],
  attributes: Attributes,
): tf.Tensor {
  if (hasKernelFor(family, attributes)) {
    return run(family.input, { dy, filter }, { ...shared(attributes), inputShape });
  }
  if (attributes.dataFormat === "NCHW") {
    const shape = TO_LAST.map((axis) => inputShape[axis]);
    return inputSlope(family, dy.transpose(TO_LAST), filter, shape, channelsLast(attributes))
      .transpose(TO_FIRST);
  }
  const blocks = blocksOf(inputShape, filter.shape, dy.shape, attributes);
  const parts = run(
    family.input,
    { dy: tf.spaceToBatchND(dy, blocks.size, blocks.results), filter },
    { ...undilated(attributes), inputShape: blocks.shape },
  );
  return tf.batchToSpaceND(parts, blocks.size, blocks.input);
}

function filterSlope(
  family: Family,
  x: tf.Tensor,
  dy: tf.Tensor,
  filterShape: number[],
  attributes: Attributes,
): tf.Tensor {
  if (hasKernelFor(family, attributes)) {
    return run(family.filter, { x, dy }, { ...shared(attributes), filterShape });
  }
  if (attributes.dataFormat === "NCHW") {
    const [from, slopes] = [x, dy].map((tensor) => tensor.transpose(TO_LAST));
    return filterSlope(family, from, slopes, filterShape, channelsLast(attributes));
  }
  const blocks = blocksOf(x.shape, filterShape, dy.shape, attributes);
  const parts = {
    x: tf.spaceToBatchND(x, blocks.size, blocks.input),
    dy: tf.spaceToBatchND(dy, blocks.size, blocks.results),
  };
  return run(family.filter, parts, { ...undilated(attributes), filterShape });
}

/** Orders of axes between NCHW and NHWC. */
const TO_LAST = [0, 2, 3, 1], TO_FIRST = [0, 3, 1, 2];

function channelsLast(attributes: Attributes): Attributes {
  const { pad } = attributes;
  const moved = Array.isArray(pad) ? TO_LAST.map((axis) => pad[axis]) : pad;
  return { ...attributes, pad: moved, dataFormat: "NHWC" };
}

/**
 * Whether the backend's kernels do what the attributes say. Those of tfjs ignore dilations, and the
 * depthwise ones ignore which axis has the channels.
 */
function hasKernelFor(family: Family, { dataFormat, dilations }: Attributes): boolean {
  if (family === DEPTHWISE && dataFormat === "NCHW") return false;
  return [dilations ?? 1].flat().every((n) => n === 1) || hasKernel("TrainchartConv2D");
}

/** The attributes of the same convolution within blocks. */
function undilated({ dataFormat }: Attributes): Attributes {
  return { strides: 1, pad: "valid", dataFormat, dilations: 1 };
}

/** A dilated convolution as a plain one: pixels that are `size` apart become one image. */
interface Blocks {
  size: number[];
  /** Padding of the input. */
  input: [number, number][];
  /** Padding of the results. */
  results: [number, number][];
  /** The shape of the input in blocks. */
  shape: number[];
}

function blocksOf(
  inputShape: number[],
  filterShape: number[],
  resultShape: number[],
  { dilations, pad }: Attributes,
): Blocks {
  const spatial = inputShape.slice(1, -1);
  const size: number[] = spatial.map((_, i) => Array.isArray(dilations) ? dilations[i] : dilations);
  // tfjs allows dilations with strides of one only.
  const whole = spatial.map((_, i) => {
    const padded = resultShape[i + 1] + (filterShape[i] - 1) * size[i];
    return Math.ceil(padded / size[i]) * size[i];
  });
  const input = spatial.map((length, i): [number, number] => {
    const missing = resultShape[i + 1] + (filterShape[i] - 1) * size[i] - length;
    const front = pad === "same"
      ? Math.floor(missing / 2)
      : pad === "valid"
      ? 0
      : Array.isArray(pad)
      ? pad[i + 1][0]
      : pad;
    return [front, whole[i] - length - front];
  });
  return {
    size,
    input,
    results: spatial.map((_, i) => [
      0,
      whole[i] - (filterShape[i] - 1) * size[i] - resultShape[i + 1],
    ]),
    shape: [
      inputShape[0] * size.reduce((product, n) => product * n, 1),
      ...whole.map((length, i) => length / size[i]),
      inputShape.at(-1)!,
    ],
  };
}

/** Registers the gradients. */
export function registerPools(): void {
  for (const deep of ["", "3D"]) {
    registerGradient(`AvgPool${deep}`, { inputs: ["x"] }, (dy, [x], attributes) => ({
      x: () => run(`AvgPool${deep}Grad`, { dy, input: x }, attributes),
    }));
    registerGradient(`AvgPool${deep}Grad`, { inputs: ["input"] }, (ddx, [x], attributes) => ({
      dy: () => run(`AvgPool${deep}`, { x: ddx }, attributes),
      input: () => tf.zerosLike(x),
    }));
    registerGradient(
      `MaxPool${deep}`,
      { inputs: ["x"], results: [true] },
      (dy, [x, y], attributes) => ({
        x: () =>
          isRecorded()
            ? pullBack((x) => maximumOf(x, attributes), [x], dy)[0]
            : run(`MaxPool${deep}Grad`, { dy, input: x, output: y }, attributes),
      }),
    );
  }
  registerGradients(
    "MaxPoolWithArgmax",
    { inputs: ["x"], results: [false, true] },
    ([dy], [x, indices], { includeBatchInIndex }) => ({
      x: () => {
        const images = x.shape[0];
        const starts = tf.range(0, images, 1, "int32")
          .mul(tf.scalar(includeBatchInIndex ? 0 : x.size / images, "int32"));
        const places = indices.reshape([images, -1]).add(starts.reshape([images, 1])).flatten();
        const slopes = dy.flatten();
        return tf.unsortedSegmentSum(slopes, places as tf.Tensor1D, x.size).reshape(x.shape);
      },
    }),
  );
}

/** Pooling made of operations that have gradients of any order: the sum of what was the largest. */
function maximumOf(x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const c = poolGeometry(x.shape, attributes);
  const largest = sumOfLargest(takeWindows(x, c, -Infinity), takeWindows(x, c, 0));
  return largest.reshape([c.batch, ...c.output.slice(5 - x.rank), c.channels]);
}

function poolGeometry(shape: number[], attributes: Attributes): Convolution {
  const { filterSize, strides, pad, dimRoundingMode } = attributes;
  return fromInfo(
    shape.length === 5
      ? tf.backend_util.computePool3DInfo(
        ...[shape as Shape5, filterSize, strides, 1, pad, dimRoundingMode] as const,
      )
      : tf.backend_util.computePool2DInfo(
        ...[shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode] as const,
      ),
  );
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

/**
 * For each tap of the window, the element that each result sees there, `[batch, …output, channels]`
 * with three axes of output.
 *
 * @param image `[batch, …input, channels]`, with two or three axes of input.
 * @param c The geometry of the windows.
 * @param outside What lies around the image.
 */
export function takeWindows(image: tf.Tensor, c: Convolution, outside: number): tf.Tensor[] {
  const { batch, channels, input, output, filter, stride, dilation, pad } = c;
  const lengths = output.map((size, axis) => (size - 1) * stride[axis] + 1);
  const paddings = input.map((size, axis): [number, number] => {
    const end = lengths[axis] + (filter[axis] - 1) * dilation[axis] - pad[axis];
    return [pad[axis], Math.max(0, end - size)];
  });
  const padded = image.reshape([batch, ...input, channels])
    .pad([[0, 0], ...paddings, [0, 0]], outside);
  const taps = [...Array(filter[0] * filter[1] * filter[2]).keys()].map((tap) =>
    [
      Math.floor(tap / filter[1] / filter[2]),
      Math.floor(tap / filter[2]) % filter[1],
      tap % filter[2],
    ].map((at, axis) => at * dilation[axis])
  );
  return taps.map((tap) =>
    padded.stridedSlice(
      [0, ...tap, 0],
      [batch, ...tap.map((at, axis) => at + lengths[axis]), channels],
      [1, ...stride, 1],
    )
  );
}

/** The sum of the values whose candidate is the largest; the first one of equals, as in kernels. */
export function sumOfLargest(candidates: tf.Tensor[], values: tf.Tensor[]): tf.Tensor {
  const largest = candidates.reduce((a, b) => tf.maximum(a, b));
  let isOpen = largest.equal(largest);
  let sum = tf.zerosLike(largest);
  candidates.forEach((candidate, i) => {
    const isTaken = candidate.equal(largest).logicalAnd(isOpen);
    isOpen = isOpen.logicalAnd(isTaken.logicalNot());
    sum = sum.add(values[i].mul(isTaken.toFloat()));
  });
  return sum;
}
