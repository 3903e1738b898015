import { assert, assertEquals } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { mixed } from "./sweep.ts";

/** An operation that computes results of windows or tiles, and the shapes of its inputs. */
interface Case {
  name: string;
  shapes: number[][];
  compute: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Special values. Default: all. */
  values?: number[];
  /** Whether the cpu backend makes more gradients infinite than the value reaches. */
  cpuSpreads?: boolean;
}

type Sizes = [height: number, width: number];
type Geometry = [stride: number, dilation: number, pad: "same" | "valid"];

/** Infinities, NaN, and a number whose transform overflows. */
const SPECIALS = [NaN, Infinity, -Infinity, 3e38];

function conv2d(
  ...[size, filter, geometry, inputs, outputs, activation = "linear"]: [
    ...[Sizes, Sizes, Geometry, number, number],
    ("linear" | "relu")?,
  ]
): Case {
  const [strides, dilations, pad] = geometry;
  return {
    name: `${size} * ${filter}, ${geometry}, ${inputs} -> ${outputs} channels, ${activation}`,
    shapes: [[2, ...size, inputs], [...filter, inputs, outputs], [outputs]],
    compute: (x, w, bias) =>
      tf.fused.conv2d({
        ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias, activation },
        ...{ strides, pad, dilations },
      }),
    // Rounding of results of the size of such a number may change signs of others.
    values: activation === "relu" ? SPECIALS.slice(0, 3) : SPECIALS,
    cpuSpreads: dilations > 1,
  };
}

function depthwise(...[size, stride, channels, multiplier]: [Sizes, number, number, number]): Case {
  return {
    name: `depthwise ${size}, stride ${stride}, ${channels} x ${multiplier} channels`,
    shapes: [[2, ...size, channels], [3, 3, channels, multiplier]],
    compute: (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, "same"),
  };
}

/** The cpu backend hides NaN from a maximum. */
function pool(kind: "max" | "avg", size: Sizes, window: number, stride: number): Case {
  return {
    name: `${kind} ${size} by ${window}, stride ${stride}`,
    shapes: [[2, ...size, 5]],
    compute: (x) =>
      (kind === "max" ? tf.maxPool : tf.avgPool)(x as tf.Tensor4D, window, stride, "same"),
    values: kind === "max" ? SPECIALS.slice(1) : SPECIALS,
  };
}

const cases: Case[] = [
  conv2d([13, 14], [3, 3], [1, 1, "same"], 8, 12),
  conv2d([10, 12], [3, 3], [1, 1, "valid"], 16, 8, "relu"),
  conv2d([18, 17], [3, 3], [1, 2, "same"], 8, 8),
  conv2d([17, 16], [3, 3], [2, 1, "same"], 16, 16, "relu"),
  conv2d([16, 19], [3, 3], [2, 1, "valid"], 16, 8),
  conv2d([1, 23], [1, 3], [1, 1, "same"], 16, 8, "relu"),
  conv2d([1, 30], [1, 3], [1, 4, "valid"], 8, 16),
  conv2d([1, 30], [1, 3], [1, 3, "same"], 8, 8),
  conv2d([9, 14], [3, 3], [1, 1, "same"], 3, 16, "relu"),
  conv2d([9, 14], [3, 3], [1, 1, "same"], 16, 2),
  conv2d([7, 9], [5, 5], [2, 1, "same"], 20, 9, "relu"),
  conv2d([14, 13], [5, 5], [1, 1, "same"], 8, 9, "relu"),
  conv2d([23, 22], [5, 5], [2, 1, "same"], 8, 9),
  conv2d([12, 13], [3, 3], [1, 1, "same"], 13, 14),
  conv2d([1, 40], [1, 5], [1, 1, "same"], 8, 8),
  conv2d([7, 9], [3, 3], [1, 2, "same"], 20, 9),
  conv2d([8, 6], [2, 2], [2, 1, "valid"], 5, 6),
  conv2d([5, 6], [1, 1], [2, 1, "same"], 12, 7),
  depthwise([7, 13], 1, 6, 1),
  depthwise([8, 13], 2, 8, 1),
  depthwise([8, 9], 1, 3, 2),
  {
    name: "3D convolution",
    shapes: [[1, 4, 5, 6, 3], [3, 3, 3, 3, 5]],
    compute: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 1, "same"),
  },
  {
    name: "3D convolution with a stride along the depth",
    shapes: [[1, 5, 9, 9, 4], [3, 3, 3, 4, 4]],
    compute: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, [2, 1, 1], "same"),
  },
  pool("max", [6, 8], 2, 2),
  pool("max", [7, 9], 3, 2),
  pool("max", [7, 9], 3, 1),
  pool("avg", [6, 8], 2, 2),
  pool("avg", [7, 9], 3, 1),
  {
    name: "3D average",
    shapes: [[1, 4, 5, 6, 3]],
    compute: (x) => tf.avgPool3d(x as tf.Tensor5D, 3, 2, "same"),
  },
  {
    name: "bilinear resizing",
    shapes: [[2, 4, 5, 3]],
    compute: (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [8, 7]),
  },
  { name: "cumulative sum", shapes: [[3, 7, 4]], compute: (x) => tf.cumsum(x, 1) },
  {
    name: "local response normalization",
    shapes: [[2, 3, 4, 9]],
    compute: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 2),
    values: SPECIALS.slice(0, 3),
  },
  {
    name: "product",
    shapes: [[7, 9], [9, 11]],
    compute: (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D),
  },
  {
    name: "product of transposed matrices",
    shapes: [[9, 7], [11, 9]],
    compute: (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, true, true),
  },
  {
    name: "batched product",
    shapes: [[3, 5, 6], [3, 7, 6]],
    compute: (a, b) => tf.matMul(a as tf.Tensor3D, b as tf.Tensor3D, false, true),
  },
  {
    name: "transposed convolution",
    shapes: [[2, 5, 6, 8], [3, 3, 9, 8]],
    compute: (x, w) =>
      tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, [2, 10, 12, 9], 2, "same"),
  },
  {
    name: "softmax",
    shapes: [[5, 9]],
    compute: (x) => tf.softmax(x),
    values: SPECIALS.slice(0, 3),
  },
  {
    name: "batch normalization",
    shapes: [[5, 9]],
    compute: (x) => {
      const { mean, variance } = tf.moments(x, 0);
      return tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D);
    },
    values: SPECIALS.slice(0, 3),
  },
  ...(["lstm", "gru", "simpleRNN"] as const).map((kind): Case => ({
    name: kind,
    shapes: [[6, 4, 5]],
    compute: (x) => {
      const initializer = tf.initializers.constant({ value: 0.1 });
      const layer = tf.layers[kind]({
        ...{ units: 7, returnSequences: true, recurrentActivation: "sigmoid" },
        ...{ kernelInitializer: initializer, recurrentInitializer: initializer },
      });
      const y = layer.apply(x) as tf.Tensor;
      layer.dispose();
      return y;
    },
    values: SPECIALS.slice(0, 3),
  })),
  {
    name: "layer normalization",
    shapes: [[5, 9]],
    compute: (x) => {
      const layer = tf.layers.layerNormalization();
      const y = layer.apply(x) as tf.Tensor;
      layer.dispose();
      return y;
    },
    values: SPECIALS.slice(0, 3),
  },
];

/** An input, or the gradient of the results, with one special element. */
interface Special {
  /** Index of the input; that of the gradient follows. */
  index: number;
  place: number;
  value: number;
}

/** The result and the gradients of all inputs. */
function evaluate({ shapes, compute }: Case, special: Special): number[][] {
  return tf.tidy(() => {
    const make = (shape: number[], index: number) => {
      const values = mixed(tf.util.sizeFromShape(shape));
      if (index === special.index) values[special.place] = special.value;
      return tf.tensor(values, shape);
    };
    const inputs = shapes.map(make);
    const y = compute(...inputs), dy = make(y.shape, shapes.length);
    return [y, ...tf.grads(compute)(inputs, dy)].map((tensor) => [...tensor.dataSync()]);
  });
}

/** All values in a corner, and others at borders and in the middle. */
function specialsOf({ shapes, compute, values = SPECIALS }: Case): Special[] {
  const result = tf.tidy(() => compute(...shapes.map((shape) => tf.zeros(shape))).size);
  return [...shapes.map((shape) => tf.util.sizeFromShape(shape)), result].flatMap((size, index) => [
    ...values.map((value) => ({ index, place: 0, value })),
    ...[0.33, 0.52, 0.78, 1].map((part, i) => ({
      ...{ index, value: values[i % values.length] },
      place: Math.floor(part * (size - 1)),
    })),
  ]);
}

function compare(name: string, actual: number[], expected: number[], cpuSpreads = false): void {
  assertEquals(actual.length, expected.length, name);
  const scale = Math.max(1, ...expected.filter(Number.isFinite).map(Math.abs));
  actual.forEach((x, i) => {
    const message = `${name}: element ${i} is ${x}, not ${expected[i]}`;
    if (!Number.isFinite(expected[i])) assert(cpuSpreads || !Number.isFinite(x), message);
    else assert(Math.abs(x - expected[i]) / scale < 1e-5, message);
  });
}

const { state } = await Deno.permissions.query({ name: "read" });

for (const c of cases) {
  Deno.test(
    `a value that is not finite reaches its own results only: ${c.name}`,
    { ignore: state !== "granted" },
    async () => {
      await selectBackend({ prefer: "cpu", quiet: true });
      const specials = specialsOf(c);
      const expected = specials.map((special) => evaluate(c, special));
      await selectBackend({ prefer: "wasm", quiet: true });
      const before = tf.memory().numTensors;
      specials.forEach((special, i) => {
        const { value, index, place } = special;
        evaluate(c, special).forEach((actual, j) => {
          const name = `${value} in input ${index} at ${place}, ${j ? `gradient ${j}` : "result"}`;
          compare(name, actual, expected[i][j], j > 0 && c.cpuSpreads);
        });
      });
      assertEquals(tf.memory().numTensors, before);
    },
  );
}
