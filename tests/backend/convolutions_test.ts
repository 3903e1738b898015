import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { relativeError } from "../fixtures/on_backends.ts";
import { type Case, mixed, negative, sweep } from "./sweep.ts";

type Pad = "same" | "valid" | number;
type Extent = [number, number, number];

const geometries: [size: [number, number], filter: [number, number], stride: number, pad: Pad][] = [
  [[1, 1], [1, 1], 1, "valid"],
  [[5, 7], [3, 3], 1, "same"],
  [[5, 7], [3, 3], 1, "valid"],
  [[8, 6], [3, 3], 2, "same"],
  [[8, 7], [3, 2], 2, "valid"],
  [[7, 7], [1, 1], 2, "same"],
  [[9, 5], [5, 1], 3, "same"],
  [[6, 6], [2, 4], 2, 1],
  [[13, 11], [4, 4], 1, "same"],
  [[8, 6], [2, 2], 2, "valid"],
  [[4, 9], [2, 3], 3, "same"],
];

const channels = [[1, 1], [3, 5], [4, 8], [9, 5]];

const table = geometries.flatMap(([size, filter, stride, pad]) =>
  channels.map(([inputs, outputs]) => ({
    name: `${size} * ${filter}, stride ${stride}, pad ${pad}, ${inputs} -> ${outputs} channels`,
    ...{ size, filter, stride, pad, inputs, outputs },
  }))
);

const conv2d: Case[] = table.map(({ name, size, filter, stride, pad, inputs, outputs }) => ({
  name,
  shapes: [[2, ...size, inputs], [...filter, inputs, outputs]],
  compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad),
}));

const transposed: Case[] = table.filter(({ pad }) => typeof pad === "string").map((c) => {
  const { name, size, filter, stride, pad, inputs, outputs } = c;
  const large = size.map((n, i) => pad === "same" ? n * stride : (n - 1) * stride + filter[i]) as [
    number,
    number,
  ];
  return {
    name,
    shapes: [[2, ...size, inputs], [...filter, outputs, inputs]],
    compute: (x, w) =>
      tf.conv2dTranspose(
        x as tf.Tensor4D,
        w as tf.Tensor4D,
        [2, ...large, outputs],
        stride,
        pad as "same",
      ),
  };
});

const depthwise: Case[] = geometries.flatMap(([size, filter, stride, pad]) =>
  [[1, 1], [4, 1], [5, 1], [3, 2], [4, 3]].map(([inputs, multiplier]) => ({
    name: `${size} * ${filter}, stride ${stride}, pad ${pad}, ${inputs} x ${multiplier} channels`,
    shapes: [[2, ...size, inputs], [...filter, inputs, multiplier]],
    compute: (x: tf.Tensor, w: tf.Tensor) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad as "same"),
  }))
);

depthwise.push(...([
  [[9, 14], [3, 3], 1, 1],
  [[9, 14], [3, 3], 2, 1],
  [[4, 13], [5, 3], 2, 1],
  [[11, 12], [3, 3], 1, 2],
  [[12, 17], [2, 3], 1, 3],
  [[3, 2], [5, 5], 1, 1],
] as [number[], number[], number, number][]).flatMap(([size, filter, stride, dilation]) =>
  (["same", "valid"] as const).filter((pad) => pad === "same" || size[0] > filter[0] * dilation)
    .flatMap((pad) =>
      [[8, 1], [13, 1], [3, 4]].map(([inputs, multiplier]): Case => ({
        name: `${size} * ${filter}, stride ${stride}, dilation ${dilation}, pad ${pad}, ` +
          `${inputs} x ${multiplier} channels`,
        shapes: [[3, ...size, inputs], [...filter, inputs, multiplier]],
        compute: (x: tf.Tensor, w: tf.Tensor) => {
          const [image, taps] = [x as tf.Tensor4D, w as tf.Tensor4D];
          return tf.depthwiseConv2d(image, taps, stride, pad, "NHWC", dilation);
        },
      }))
    )
));

const fusedDepthwise: Case[] = (["linear", "relu", "relu6", "elu"] as const).map((activation) => ({
  name: activation,
  shapes: [[2, 7, 9, 6], [3, 3, 6, 1], [6]],
  compute: (x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) =>
    tf.fused.depthwiseConv2d({
      ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, strides: 1, pad: "same" as const },
      ...{ bias, activation },
    }),
}));

const fused: Case[] = (["linear", "relu", "relu6", "elu", "sigmoid"] as const).flatMap((
  activation,
) =>
  geometries.slice(0, 4).map(([size, filter, strides, pad]) => ({
    name: `${activation} ${size} * ${filter}, stride ${strides}, pad ${pad}`,
    shapes: [[2, ...size, 3], [...filter, 3, 5], [5]],
    compute: (x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: w as tf.Tensor4D,
        strides,
        pad,
        bias,
        activation,
      }),
  }))
);

/** Filters of more than three taps, and channels that are no multiples of four. */
const folded: Case[] = ([
  [[14, 15], [5, 5], 1, "same"],
  [[15, 13], [5, 5], 1, "valid"],
  [[14, 14], [7, 7], 1, "same"],
  [[14, 16], [3, 5], 1, "same"],
  [[13, 12], [4, 9], 1, [[0, 0], [1, 2], [3, 4], [0, 0]]],
  [[21, 22], [5, 5], 2, "same"],
  [[22, 23], [4, 4], 2, "same"],
  [[23, 26], [6, 3], 2, "valid"],
  [[24, 21], [3, 5], 2, [[0, 0], [1, 1], [2, 3], [0, 0]]],
  [[1, 40], [1, 5], 1, "same"],
  [[1, 41], [1, 7], 1, "valid"],
  [[13, 9], [3, 1], 1, "same"],
  [[15, 4], [7, 1], 1, "valid"],
  [[13, 12], [3, 3], 1, "same"],
  [[17, 15], [3, 3], 2, "same"],
  [[12, 12], [5, 3], 1, "same"],
] as const).flatMap(([size, filter, strides, pad]) =>
  (filter[0] + filter[1] !== 6 ? [[8, 16], [9, 10], [20, 3]] : [[13, 18], [18, 17]])
    .map(([inputs, outputs]): Case => ({
      name: `${size} * ${filter}, stride ${strides}, pad ${pad}, ${inputs} -> ${outputs} channels`,
      shapes: [[2, ...size, inputs], [...filter, inputs, outputs], [outputs]],
      compute: (x, w, bias) =>
        tf.fused.conv2d({
          ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias, strides },
          pad: pad as "same",
          dimRoundingMode: typeof pad === "object" ? "floor" : undefined,
          activation: size[1] > 20 ? "relu6" : "linear",
        }),
    }))
);

/** Large enough for Winograd's algorithm; odd sizes, so that tiles are cut. */
const winograd: Case[] = ([[7, 6, "valid"], [9, 5, "same"], [3, 3, "valid"], [8, 8, 2]] as const)
  .flatMap(
    ([height, width, pad]) =>
      [[16, 16], [20, 36], [8, 8], [4, 16], [32, 4], [64, 72]].map(([inputs, outputs]): Case => ({
        name: `${height} x ${width}, pad ${pad}, ${inputs} -> ${outputs} channels`,
        shapes: [[3, height, width, inputs], [3, 3, inputs, outputs], [outputs]],
        compute: (x, w, bias) =>
          tf.fused.conv2d({
            x: x as tf.Tensor4D,
            filter: w as tf.Tensor4D,
            strides: 1,
            pad,
            bias,
            activation: "linear",
          }),
      })),
  );

/** Tiles of places that are as far apart as the taps; some lie outside altogether. */
winograd.push(...([
  [[16, 17], 2, "same"],
  [[17, 16], 2, "valid"],
  [[19, 26], [3, 2], "same"],
  [[24, 17], [2, 1], "valid"],
  [[33, 34], 4, "same"],
  [[20, 18], 2, [[0, 0], [1, 3], [0, 2], [0, 0]]],
] as const).flatMap(([size, dilations, pad]) =>
  [[8, 12], [16, 16]].map(([inputs, outputs]): Case => ({
    name: `${size}, dilation ${dilations}, pad ${pad}, ${inputs} -> ${outputs} channels`,
    shapes: [[2, ...size, inputs], [3, 3, inputs, outputs], [outputs]],
    compute: (x, w, bias) =>
      tf.fused.conv2d({
        ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias, strides: 1 },
        ...{ pad: pad as "same", dilations: dilations as number },
      }),
  }))
));

/** Tiles of four, three, two and one results; paddings of both parities; packed and other products. */
const strided: Case[] = ([
  [8, [8, 7], "same"],
  [4, [11, 16], "valid"],
  [7, [5, 14], 1],
  [128, [1, 2], "same"],
  [4, [12, 9], [[0, 0], [2, 1], [1, 3], [0, 0]]],
] as const).flatMap(([batch, size, pad]) =>
  [[16, 16], [20, 36], [8, 12], [16, 72], [136, 8]].map(([inputs, outputs]): Case => ({
    name: `${size}, pad ${pad}, ${inputs} -> ${outputs} channels`,
    shapes: [[batch, ...size, inputs], [3, 3, inputs, outputs], [outputs]],
    compute: (x, w, bias) =>
      tf.fused.conv2d({
        ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias, strides: 2 },
        pad: pad as "same",
        dimRoundingMode: pad === 1 ? "floor" : undefined,
        activation: size[0] > 10 ? "relu6" : "linear",
      }),
  }))
);

/** Lines that are not multiples of a tile, shorter than one, and with places between two taps. */
const lines: Case[] = ([
  [[1, 11], 1, "same"],
  [[1, 9], 1, "valid"],
  [[2, 13], 2, "same"],
  [[1, 30], 3, "valid"],
  [[1, 10], 8, "same"],
  [[1, 3], 1, "valid"],
  [[3, 150], 1, [[0, 0], [0, 0], [2, 1], [0, 0]]],
] as const).flatMap(([size, dilation, pad]) =>
  [[16, 16], [24, 40], [20, 36], [16, 72], [8, 16], [32, 8]].map(([inputs, outputs]): Case => ({
    name: `${size}, dilation ${dilation}, pad ${pad}, ${inputs} -> ${outputs} channels`,
    shapes: [[3, ...size, inputs], [1, 3, inputs, outputs], [outputs]],
    compute: (x, w, bias) =>
      tf.fused.conv2d({
        ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias },
        activation: size[1] > 100 ? "relu" : "linear",
        ...{ strides: 1, pad: pad as "same", dilations: [1, dilation] },
      }),
  }))
);

/** Few channels or few results, which are not packed; lines longer than a part of a sum. */
const thin: Case[] = ([
  [[9, 14], [3, 3], 1, "same", 1],
  [[9, 15], [3, 3], 2, "same", 1],
  [[5, 3], [3, 3], 1, "same", 1],
  [[7, 40], [2, 5], 3, "valid", 1],
  [[12, 17], [3, 3], 1, "same", 2],
  [[6, 13], [4, 3], 1, [[0, 0], [2, 1], [0, 3], [0, 0]], 1],
  [[1, 530], [1, 3], 1, "valid", 1],
  [[300, 60], [3, 3], 1, "valid", 1],
] as const).flatMap(([size, filter, strides, pad, dilations]) =>
  (size[0] === 300 ? [[4, 8], [8, 1]] : [[1, 8], [3, 16], [2, 11], [16, 1], [8, 8], [16, 3]])
    .flatMap(([inputs, outputs]) =>
      (["linear", "relu6"] as const).map((activation): Case => ({
        name: `${size} * ${filter}, stride ${strides}, pad ${pad}, dilation ${dilations}, ` +
          `${inputs} -> ${outputs} channels, ${activation}`,
        shapes: [[size[0] === 300 ? 1 : 3, ...size, inputs], [...filter, inputs, outputs], [
          outputs,
        ]],
        compute: (x, w, bias) =>
          tf.fused.conv2d({
            ...{ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, bias, activation },
            ...{ strides, pad: pad as "same", dilations },
          }),
      }))
    )
);

const others: Case[] = [
  ...[[20, 13], [13, 20], [32, 9], [24, 3], [8, 1], [6, 16]].map(([inputs, outputs]): Case => ({
    name: `1 x 1, ${inputs} -> ${outputs} channels`,
    shapes: [[2, 6, 5, inputs], [1, 1, inputs, outputs]],
    compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
  })),
  {
    name: "beyond a block",
    shapes: [[1, 14, 13, 59], [3, 3, 59, 6]],
    compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
  },
  {
    name: "many channels out",
    shapes: [[1, 3, 3, 2], [2, 2, 2, 521]],
    compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "valid"),
  },
  {
    name: "different strides",
    shapes: [[2, 9, 8, 3], [3, 3, 3, 4]],
    compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [1, 3], "same"),
  },
  {
    name: "conv1d",
    shapes: [[2, 11, 3], [3, 3, 4]],
    compute: (x, w) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, 2, "same"),
  },
  {
    name: "separable",
    shapes: [[2, 7, 7, 3], [3, 3, 3, 2], [1, 1, 6, 4]],
    compute: (x, d, p) =>
      tf.separableConv2d(x as tf.Tensor4D, d as tf.Tensor4D, p as tf.Tensor4D, 1, "same"),
  },
];

others.push(...[
  { pad: "valid" as const, stride: 2 },
  {
    pad: [[0, 0], [0, 0], [1, 0], [2, 1]] as [
      [number, number],
      [number, number],
      [number, number],
      [number, number],
    ],
    stride: 1,
  },
].map(({ pad, stride }): Case => ({
  name: `channels first, pad ${pad}`,
  shapes: [[2, 3, 6, 5], [3, 2, 3, 4]],
  compute: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, "NCHW"),
})));

const conv3d: Case[] = ([[1, "same"], [2, "same"], [1, "valid"], [2, "valid"]] as const).flatMap(
  ([stride, pad]) =>
    [[1, 1], [3, 5], [4, 2]].map(([inputs, outputs]) => ({
      name: `3D, stride ${stride}, pad ${pad}, ${inputs} -> ${outputs} channels`,
      shapes: [[2, 4, 5, 6, inputs], [2, 3, 3, inputs, outputs]],
      compute: (x: tf.Tensor, w: tf.Tensor) =>
        tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, stride, pad),
    })),
);

/** Depths that are channels, batch, or neither: several taps, one, with strides and dilations. */
conv3d.push(...([
  [[2, 3, 8, 9, 8], [1, 3, 3], 1, "same", 1],
  [[2, 5, 6, 7, 4], [3, 1, 1], 1, "same", 1],
  [[1, 6, 10, 9, 4], [3, 3, 3], 1, "same", 1],
  [[1, 5, 8, 9, 8], [2, 3, 3], [2, 1, 1], "valid", 1],
  [[1, 7, 9, 8, 6], [3, 3, 3], [3, 2, 2], "same", 1],
  [[1, 7, 9, 8, 4], [2, 3, 3], [3, 1, 1], "valid", 1],
  [[1, 6, 7, 9, 3], [3, 3, 3], 1, "same", 2],
  [[1, 6, 7, 9, 3], [3, 3, 2], 1, "valid", [2, 1, 3]],
] as [number[], number[], number | Extent, "same" | "valid", number | Extent][]).flatMap(
  ([size, filter, stride, pad, dilation]) =>
    [5, 8].map((outputs): Case => ({
      name: `3D, ${size} * ${filter}, stride ${stride}, pad ${pad}, dilation ${dilation}, ` +
        `${outputs} channels`,
      shapes: [size, [...filter, size[4], outputs]],
      compute: (x, w) =>
        tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, stride, pad, "NDHWC", dilation),
    })),
));

conv3d.push({
  name: "3D, 1 x 1 x 1, stride 2",
  shapes: [[2, 3, 4, 5, 8], [1, 1, 1, 8, 3]],
  compute: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 2, "same"),
}, {
  name: "3D, 1 x 1 x 1",
  shapes: [[2, 3, 4, 5, 6], [1, 1, 1, 6, 9]],
  compute: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 1, "same"),
}, {
  name: "3D transposed",
  shapes: [[1, 2, 3, 3, 2], [2, 3, 3, 3, 2]],
  compute: (x, w) =>
    tf.conv3dTranspose(x as tf.Tensor5D, w as tf.Tensor5D, [1, 4, 6, 6, 3], 2, "same"),
});

const windows: [size: [number, number], window: [number, number], stride: number, pad: Pad][] = [
  [[4, 6], [2, 2], 2, "valid"],
  [[5, 7], [2, 2], 2, "same"],
  [[5, 7], [3, 3], 2, "same"],
  [[6, 5], [3, 2], 1, "same"],
  [[7, 7], [3, 3], 3, 1],
  [[7, 6], [2, 2], 3, "valid"],
  [[5, 13], [3, 3], 1, "same"],
  [[6, 17], [2, 3], 2, 1],
  [[3, 3], [1, 1], 1, "valid"],
];

const pools: Case[] = windows.flatMap(([size, window, stride, pad]) =>
  [1, 4, 7].flatMap((channel) =>
    (["max", "avg"] as const).flatMap((kind) =>
      [mixed, negative].map((values) => ({
        name:
          `${kind} ${values.name} ${size} by ${window}, stride ${stride}, pad ${pad}, ${channel} channels`,
        shapes: [[2, ...size, channel]],
        compute: (x: tf.Tensor) =>
          (kind === "max" ? tf.maxPool : tf.avgPool)(x as tf.Tensor4D, window, stride, pad),
        values,
        cpuIsWrong: kind === "avg" && pad !== "valid"
          ? "its gradient counts the padding, which the mean leaves out"
          : undefined,
      }))
    )
  )
);

const pools3d: Case[] = (["max", "avg"] as const).flatMap((kind) =>
  ([[2, 2, "valid"], [2, 2, "same"], [3, 2, "same"], [3, 1, "valid"]] as const).flatMap(
    ([window, stride, pad]) =>
      [mixed, negative].map((values) => ({
        name: `${kind}3D ${values.name} by ${window}, stride ${stride}, pad ${pad}`,
        shapes: [[2, 4, 5, 5, 3]],
        compute: (x: tf.Tensor) =>
          (kind === "max" ? tf.maxPool3d : tf.avgPool3d)(x as tf.Tensor5D, window, stride, pad),
        values,
        cpuIsWrong: kind === "avg" && pad === "same"
          ? "its gradient counts the padding"
          : undefined,
      })),
  )
);

sweep("2D convolutions", conv2d, { native: true });
sweep("transposed convolutions", transposed, { native: true });
sweep("depthwise convolutions", depthwise, { native: true });
sweep("fused depthwise convolutions", fusedDepthwise, { native: true });
sweep("fused convolutions", fused, { native: true });
sweep("convolutions by Winograd's algorithm", winograd, { native: true });
sweep("convolutions as folded ones", folded, { native: true });
sweep("convolutions with a stride of 2 by Winograd's algorithm", strided, { native: true });
sweep("convolutions along lines by Winograd's algorithm", lines, { native: true });
sweep("convolutions of few channels or results", thin, { native: true });
sweep("other convolutions", others, { native: true });
sweep("3D convolutions", conv3d, { native: true });
sweep("2D pooling", pools, { native: true });
sweep("3D pooling", pools3d, { native: true });

Deno.test("a filter larger than the cache gives the sum of its halves", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const make = (shape: number[]) => tf.tensor(mixed(tf.util.sizeFromShape(shape)), shape);
    for (const stride of [1, 2]) {
      const [x, w] = [make([2, 28, 28, 160]), make([3, 3, 160, 200])];
      const convolve = (x: tf.Tensor, w: tf.Tensor) =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, "same");
      const parts = tf.split(x, 2, 3).map((part, i) => [part, tf.split(w, 2, 2)[i]]);
      const whole = convolve(x, w), dy = make(whole.shape);
      const halves = parts.map(([x, w]) => convolve(x, w)), gradients = tf.grads(convolve);
      const [dx, dw] = gradients([x, w], dy);
      const [first, second] = parts.map((part) => gradients(part, dy));
      assertLess(relativeError(whole, halves[0].add(halves[1])), 1e-5);
      assertLess(relativeError(dx, tf.concat([first[0], second[0]], 3)), 1e-5);
      assertLess(relativeError(dw, tf.concat([first[1], second[1]], 2)), 1e-5);
    }
  });
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("both builds compute and differentiate convolutions by Winograd's algorithm alike", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  const cases = [...winograd, ...strided, ...lines].filter(({ shapes }) => shapes[1][3] > 16);
  const results: Float32Array[][] = [];
  for (const relaxed of [true, false]) {
    await selectBackend({ prefer: "wasm", relaxed, quiet: true });
    results.push(cases.flatMap(({ shapes, compute }) =>
      tf.tidy(() => {
        const inputs = shapes.map((shape) => tf.tensor(mixed(tf.util.sizeFromShape(shape)), shape));
        const y = compute(...inputs);
        const slopes = tf.grads((...xs: tf.Tensor[]) => compute(...xs).square().sum())(inputs);
        return [y, ...slopes].map((tensor) => tensor.dataSync() as Float32Array);
      })
    ));
  }
  const [fused, plain] = results;
  fused.forEach((numbers, index) => {
    const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-6);
    numbers.forEach((x, i) => assertLess(Math.abs(x - plain[index][i]) / largest, 1e-5));
  });
});
