import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { Learner, meanSquaredError, sgd, tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

const L = tf.layers;
type Layer = tf.layers.Layer;

function wave(shape: number[], seed = 0): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(Array.from({ length: size }, (_, i) => Math.sin(i * i + i + seed)), shape);
}

/** Applies a layer whose weights are waves. */
function apply(layer: Layer, x: tf.Tensor, options: object = {}): tf.Tensor {
  layer.apply(x);
  layer.setWeights(layer.getWeights().map(({ shape }, i) => wave(shape, i).abs().add(0.1)));
  const y = layer.apply(x, options) as tf.Tensor;
  layer.dispose();
  return y;
}

const toLast = [0, 2, 3, 1], toFirst = [0, 3, 1, 2];

const channels: Record<string, [shape: number[], create: (dataFormat: string) => Layer]> = {
  conv1d: [
    [2, 6, 3],
    (dataFormat) =>
      L.conv1d({ filters: 4, kernelSize: 2, activation: "tanh", dataFormat: dataFormat as never }),
  ],
  conv2d: [
    [2, 5, 6, 3],
    (dataFormat) =>
      L.conv2d({ filters: 4, kernelSize: 2, activation: "tanh", dataFormat: dataFormat as never }),
  ],
  separableConv2d: [[2, 5, 6, 3], (dataFormat) =>
    L.separableConv2d({
      filters: 4,
      kernelSize: 2,
      activation: "tanh",
      dataFormat: dataFormat as never,
    })],
  depthwiseConv2d: [
    [2, 5, 6, 3],
    (dataFormat) =>
      L.depthwiseConv2d({ kernelSize: 2, dilationRate: 2, dataFormat: dataFormat as never }),
  ],
  conv2dTranspose: [
    [2, 5, 6, 3],
    (dataFormat) =>
      L.conv2dTranspose({ filters: 4, kernelSize: 2, dataFormat: dataFormat as never }),
  ],
};

for (const [name, [shape, create]] of Object.entries(channels)) {
  testOnBackends(`${name} computes the same with channels first`, () => {
    const x = wave(shape);
    const [back, forth] = shape.length === 4 ? [toLast, toFirst] : [[0, 2, 1], [0, 2, 1]];
    const expected = apply(create("channelsLast"), x);
    const actual = apply(create("channelsFirst"), x.transpose(forth)).transpose(back);
    assertEquals(actual.shape, expected.shape);
    assert(relativeError(actual, expected) < 1e-5);
  });
}

testOnBackends("batchNormalization along any axis equals that along the last one", () => {
  for (const shape of [[4, 3, 2], [3, 2, 4, 2], [2, 3, 2, 2, 3]]) {
    const x = wave(shape);
    const rank = shape.length;
    for (let axis = 1; axis < rank; axis++) {
      const order = x.shape.map((_, i) => i).filter((i) => i !== axis).concat(axis);
      const back = tf.backend_util.getUndoAxesPermutation(order);
      for (const training of [false, true]) {
        const options = { training };
        const actual = apply(L.batchNormalization({ axis }), x, options);
        const expected = apply(L.batchNormalization(), x.transpose(order), options).transpose(back);
        assert(relativeError(actual, expected) < 1e-5, `[${shape}] along ${axis}, ${training}`);
      }
    }
  }
});

testOnBackends("batchNormalization works without scale, and without offset", () => {
  const x = tf.tensor2d([[1], [3]]);
  for (const options of [{ scale: false }, { center: false }, { scale: false, center: false }]) {
    const layer = L.batchNormalization(options);
    const y = layer.apply(x, { training: true }) as tf.Tensor;
    const [low, high] = y.dataSync();
    assertAlmostEquals(low, -1 / Math.sqrt(1.001), 1e-5);
    assertAlmostEquals(high, 1 / Math.sqrt(1.001), 1e-5);
    layer.dispose();
  }
});

testOnBackends(
  "frozen batchNormalization is in inference mode, and its statistics stay",
  async () => {
    const freeze: Record<string, (layer: Layer, model: tf.Sequential) => void> = {
      layer: (layer) => layer.trainable = false,
      model: (_, model) => model.trainable = false,
      weights: (layer) =>
        layer.weights.forEach((weight) => (weight.read() as tf.Variable).trainable = false),
    };
    for (const [what, set] of Object.entries(freeze)) {
      const layer = L.batchNormalization({ inputShape: [1] });
      const model = tf.sequential({ layers: [layer, L.dense({ units: 1 })] });
      model.predict(tf.ones([1, 1]));
      set(layer, model);
      const statistics = () => layer.getWeights().slice(2).map((weight) => weight.dataSync()[0]);
      const x = tf.tensor2d([[1], [3]]);
      const inference = (layer.apply(x) as tf.Tensor).dataSync();
      assertEquals((layer.apply(x, { training: true }) as tf.Tensor).dataSync(), inference, what);
      assertEquals(statistics(), [0, 1], what);
      if (what !== "model") {
        const optimizer = sgd(0.01);
        await new Learner({
          model,
          optimizer,
          lossFunction: meanSquaredError,
          dataloaders: { train: [[x.clone(), tf.ones([2, 1])]] },
        }).train();
        assertEquals(statistics(), [0, 1], what);
        optimizer.dispose();
      }
      model.dispose();
    }
  },
);

testOnBackends(
  "batchNormalization in a frozen model within a model is in inference mode",
  async () => {
    for (const scale of [true, false]) {
      for (const isFirst of [true, false]) {
        const layer = L.batchNormalization({ inputShape: [1], scale, center: scale });
        const inner = tf.sequential({ layers: [layer, L.dense({ units: 1 })] });
        inner.trainable = false;
        inner.predict(tf.ones([1, 1])); // makes the model inside the sequential one
        const before = isFirst ? [] : [L.dense({ units: 1, inputShape: [1] })];
        const head = L.dense({ units: 1 });
        const model = tf.sequential({ layers: [...before, inner as never, head] });
        const train = async () => {
          const optimizer = sgd(0.01);
          await new Learner({
            model,
            optimizer,
            lossFunction: meanSquaredError,
            dataloaders: { train: [[tf.tensor2d([[1], [3]]), tf.ones([2, 1])]] },
          }).train();
          optimizer.dispose();
        };
        const statistics = () => layer.getWeights().slice(-2).map((weight) => weight.dataSync()[0]);
        await train();
        assertEquals(statistics(), [0, 1], `scale ${scale}, first ${isFirst}`);
        inner.trainable = true;
        await train();
        assertEquals(statistics()[0] === 0, false, `scale ${scale}, first ${isFirst}`);
        // TensorFlow.js does not dispose the layers of a model within a model.
        for (const one of [...before, ...inner.layers, head]) one.dispose();
      }
    }
  },
);

testOnBackends("reshape refuses sizes that do not fit when the model is made", () => {
  const make = (targetShape: number[]) =>
    tf.sequential({ layers: [L.reshape({ name: "to_rows", targetShape, inputShape: [2, 3] })] });
  assertThrows(
    () => make([4]),
    TypeError,
    "the layer to_rows must keep the number of elements: its input is [2,3], its targetShape [4]",
  );
  for (const targetShape of [[6], [3, 2], [-1], [3, -1], [1, 6, 1]]) {
    const [, ...shape] = (make(targetShape).predict(tf.ones([4, 2, 3])) as tf.Tensor).shape;
    assertEquals(shape.reduce((product, size) => product * size, 1), 6);
  }
  const input = tf.input({ shape: [null, 3] });
  const reshaped = L.reshape({ targetShape: [4] }).apply(input) as tf.SymbolicTensor;
  assertEquals(reshaped.shape, [null, 4]); // known only where there is a batch
});

testOnBackends("a regularized weight is penalised once, wherever its layer is applied", () => {
  const penalty = (model: tf.LayersModel): number => {
    if (!model.built) model.build(model.inputs[0].shape);
    const losses: tf.Scalar[] = (model as never as { calculateLosses(): tf.Scalar[] })
      .calculateLosses();
    return losses.reduce((sum, loss) => sum + loss.dataSync()[0], 0);
  };
  const regularizer = () => tf.regularizers.l2({ l2: 1 });
  const dense = () =>
    L.dense({ units: 2, kernelInitializer: "ones", kernelRegularizer: regularizer() });
  const twice = dense(), input = tf.input({ shape: [2] });
  const shared = tf.model({
    inputs: input,
    outputs: twice.apply(twice.apply(input)) as tf.SymbolicTensor,
  });
  assertAlmostEquals(penalty(shared), 4, 1e-6);
  // Also through a model within the model.
  const outer = tf.input({ shape: [2] });
  const nested = tf.model({
    inputs: outer,
    outputs: twice.apply(shared.apply(outer) as tf.SymbolicTensor) as tf.SymbolicTensor,
  });
  assertAlmostEquals(penalty(nested), 4, 1e-6);
  const options = {
    units: 1,
    kernelInitializer: "ones",
    kernelRegularizer: regularizer(),
    recurrentInitializer: "ones",
    recurrentRegularizer: regularizer(),
  } as const;
  const sequence = { ...options, inputShape: [3, 2], batchInputShape: [null, 3, 2] };
  const rnn = tf.sequential({ layers: [L.simpleRNN(sequence as never)] });
  assertAlmostEquals(penalty(rnn), 3, 1e-6);
  const wrapped = tf.sequential({
    layers: [
      L.bidirectional({ layer: L.simpleRNN(options) as never, inputShape: [3, 2] }),
    ],
  });
  assertAlmostEquals(penalty(wrapped), 6, 1e-6);
  const stacked = tf.sequential({
    layers: [L.rnn({
      cell: [L.simpleRNNCell(options), L.simpleRNNCell(options)] as never,
      inputShape: [3, 2],
    } as never)],
  });
  assertAlmostEquals(penalty(stacked), 5, 1e-6);
  const variables = twice.weights.map((weight) => weight.read());
  for (const model of [nested, rnn, wrapped, stacked]) model.dispose();
  // tfjs counts the applications of a shared layer, and misses those of the inner model.
  for (const variable of variables) if (!variable.isDisposed) variable.dispose();
});

testOnBackends("depthwiseConv2d dilates", () => {
  const layer = L.depthwiseConv2d({ kernelSize: 3, dilationRate: 2, depthwiseInitializer: "ones" });
  const x = tf.range(0, 49).reshape([1, 7, 7, 1]);
  const y = layer.apply(x) as tf.Tensor;
  assertEquals(y.shape, [1, 3, 3, 1]);
  // The mean of nine pixels, two apart, is the one in their middle.
  assertEquals([...y.div(9).dataSync()], [16, 17, 18, 23, 24, 25, 30, 31, 32]);
  assertEquals(layer.computeOutputShape([null, 7, 7, 1]), [null, 3, 3, 1]);
  layer.dispose();
});

testOnBackends("depthwiseConv2d writes its constraint into its configuration", () => {
  const layer = L.depthwiseConv2d({
    kernelSize: 2,
    depthwiseConstraint: "nonNeg",
    depthwiseRegularizer: "l1l2",
  });
  const { depthwiseConstraint } = layer.getConfig() as {
    depthwiseConstraint: { className: string };
  };
  assertEquals(depthwiseConstraint.className, "NonNeg");
});

testOnBackends("separableConv2d initializes each kernel as it is told", () => {
  const layer = L.separableConv2d({
    filters: 2,
    kernelSize: 2,
    depthwiseInitializer: "ones",
    pointwiseInitializer: "zeros",
  });
  layer.apply(tf.ones([1, 4, 4, 3]));
  const [depthwise, pointwise] = layer.getWeights().map((weight) => weight.dataSync());
  assert(depthwise.every((x) => x === 1));
  assert(pointwise.every((x) => x === 0));
  layer.dispose();
});

testOnBackends("causal conv1d sees the present and the past", () => {
  const layer = L.conv1d({
    filters: 1,
    kernelSize: 2,
    dilationRate: 2,
    padding: "causal" as "same",
    kernelInitializer: "ones",
  });
  const y = layer.apply(tf.tensor3d([1, 10, 100, 1000], [1, 4, 1])) as tf.Tensor;
  assertEquals([...y.dataSync()], [1, 10, 101, 1010]);
  assertEquals(layer.computeOutputShape([null, 4, 1]), [null, 4, 1]);
  layer.dispose();
});

testOnBackends("softmax normalises along the last axis unless told otherwise", () => {
  const x = wave([2, 3, 4]);
  const sums = (
    layer: Layer,
    axis: number,
  ) => [...(layer.apply(x) as tf.Tensor).sum(axis).dataSync()];
  for (const sum of sums(L.softmax(), -1)) assertAlmostEquals(sum, 1, 1e-5);
  for (const sum of sums(L.softmax({ axis: 1 }), 1)) assertAlmostEquals(sum, 1, 1e-5);
});

testOnBackends("resizing and centerCrop work within a model", () => {
  const image = tf.range(0, 42).reshape([1, 6, 7, 1]);
  const model = tf.sequential({
    layers: [L.resizing({ height: 3, width: 4, inputShape: [6, 7, 1] })],
  });
  const resized = model.predict(image) as tf.Tensor;
  assertEquals(model.outputs[0].shape, [null, 3, 4, 1]);
  const expected = tf.image.resizeBilinear(image as tf.Tensor4D, [3, 4], true);
  assertEquals(resized.dataSync(), expected.dataSync());
  // One row and column go at the end; whole pixels stay.
  const crop = L.centerCrop({ height: 5, width: 6 });
  const cropped = crop.apply(image) as tf.Tensor;
  assertEquals(cropped.dataSync(), image.slice([0, 0, 0, 0], [1, 5, 6, 1]).dataSync());
  assertEquals(crop.computeOutputShape([null, 6, 7, 1]), [null, 5, 6, 1]);
  const square = L.resizing({
    height: 3,
    width: 3,
    cropToAspectRatio: true,
    interpolation: "nearest",
  });
  const window = tf.image.resizeNearestNeighbor(
    image.slice([0, 0, 0, 0], [1, 6, 6, 1]) as tf.Tensor4D,
    [3, 3],
  );
  assertEquals((square.apply(image) as tf.Tensor).dataSync(), window.dataSync());
  model.dispose();
});

testOnBackends("stacked recurrent cells drop out other elements in each batch", () => {
  const cell = () => L.simpleRNNCell({ units: 8, dropout: 0.5, activation: "linear" });
  const layer = L.rnn({ cell: [cell(), cell()] as never });
  const x = tf.ones([1, 2, 16]);
  const run = (training: boolean) => (layer.apply(x, { training }) as tf.Tensor).dataSync();
  const prediction = run(false); // Drops nothing.
  const [first, second] = [run(true), run(true)];
  assertNotEquals(first, prediction);
  assertNotEquals(second, first);
  assertEquals(run(false), prediction);
  layer.dispose();
});

testOnBackends("a sum of masked inputs is masked where one of them is", () => {
  for (const name of ["add", "multiply", "average", "maximum", "minimum"] as const) {
    const inputs = [
      tf.input({ shape: [3] }),
      tf.input({ shape: [3] }),
      tf.input({ shape: [3, 4] }),
    ];
    const options = { inputDim: 9, outputDim: 4, maskZero: true };
    const parts = inputs.slice(0, 2).map((x) => L.embedding(options).apply(x) as tf.SymbolicTensor);
    const sum = L[name]().apply([inputs[2], ...parts]) as tf.SymbolicTensor;
    const last = L.simpleRNN({ units: 2 }).apply(sum) as tf.SymbolicTensor;
    const model = tf.model({ inputs, outputs: last });
    const shorter = tf.model({ inputs, outputs: sum });
    const words = [tf.tensor2d([[1, 2, 3], [4, 0, 5]]), tf.tensor2d([[1, 2, 0], [3, 4, 5]])];
    const data = [...words, wave([2, 3, 4])];
    const cell = model.layers.at(-1)!;
    // The last step that counts is the second of the one example, and the third of the other.
    const [kernel, recurrent, bias] = cell.getWeights();
    const x = shorter.predict(data) as tf.Tensor;
    const steps: [number, number][][] = [[[0, 0], [0, 1]], [[1, 0], [1, 2]]];
    const expected = steps.map((places) =>
      places.reduce<tf.Tensor>((state, [example, step]) => {
        const now = x.slice([example, step, 0], [1, 1, 4]).reshape([1, 4]);
        return now.matMul(kernel).add(state.matMul(recurrent)).add(bias).tanh();
      }, tf.zeros([1, 2]))
    );
    const actual = model.predict(data) as tf.Tensor;
    assertLess(relativeError(actual, tf.concat(expected)), 1e-5, name);
    model.dispose();
  }
});

testOnBackends("an operation without a gradient is an error that names its layer", async () => {
  class Distinct extends tf.layers.Layer {
    static className = "Distinct";
    override computeOutputShape(shape: tf.Shape): tf.Shape {
      return shape;
    }
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      return tf.unique(x, 1).values;
    }
  }
  const model = tf.sequential({
    layers: [L.dense({ units: 4, inputShape: [4] }), new Distinct({ name: "distinct" })],
  });
  const before = model.getWeights().map((weight) => weight.dataSync());
  const optimizer = sgd(0.1);
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: meanSquaredError,
    dataloaders: { train: [[tf.ones([2, 4]), tf.ones([2, 4])]] },
  });
  let message = "";
  await learner.train().catch((error) => message = error.message);
  assert(message.includes("layer distinct (Distinct)"), message);
  assert(message.includes("gradient function not found for Unique"), message);
  // No step was made.
  assertEquals(model.getWeights().map((weight) => weight.dataSync()), before);
  optimizer.dispose();
  model.dispose();
});

testOnBackends("a failure within a layer names the layer", () => {
  const layer = L.dot({ axes: 1, name: "product" });
  assertThrows(
    () => layer.apply([tf.ones([1, 2, 3]), tf.ones([1, 4, 3])]),
    Error,
    "layer product (Dot)",
  );
});
