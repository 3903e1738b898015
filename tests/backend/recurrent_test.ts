import { assert, assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { NATIVES, withNative } from "../fixtures/native.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

// deno-lint-ignore no-explicit-any -- properties of layers that are private for TypeScript
type Any = any;
type Options = Record<string, unknown>;

const L = tf.layers as Any;

function wave(shape: number[], seed = 0, size = 1): tf.Tensor {
  const count = tf.util.sizeFromShape(shape);
  return tf.tensor(
    Array.from({ length: count }, (_, i) => Math.sin(i * i + i + seed) * size),
    shape,
  );
}

/** A call of a layer. */
interface Case {
  /** Batch, steps and inputs. Default: 3, 4, 5. */
  shape?: [number, number, number];
  /** Options of the layer. */
  options?: Options;
  /** Makes the layer, of the name of the layer and these options. */
  make?: (name: string, options: Options) => Any;
  /** Whether some steps are left out. */
  masked?: boolean;
  /** Whether the first states are given. */
  started?: boolean;
  /** Whether dropout draws. Default: true. */
  training?: boolean;
  /** Number of calls, one after another. Default: 1. */
  calls?: number;
  /** Replaces one of the inputs. */
  special?: number;
}

/** A generator that draws the same numbers on each backend. */
function randomOf(seed: number): () => number {
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647;
}

/** The backend of a run; `native` is wasm with the library that is in use. */
type Prefer = "cpu" | "wasm" | "native";

async function select(prefer: Prefer): Promise<void> {
  if (prefer !== "native") await selectBackend({ prefer, quiet: true });
}

/** Runs a layer and its gradient; returns all results and gradients by name. */
async function run(prefer: Prefer, name: string, test: Case): Promise<Map<string, number[]>> {
  await select(prefer);
  const before = tf.memory().numTensors;
  const { shape = [3, 4, 5], options = {}, masked, started, training = true, calls = 1 } = test;
  const { make = (name, options) => L[name](options) } = test;
  const results = new Map<string, number[]>();
  const { random } = Math;
  Math.random = randomOf(7);
  tf.engine().startScope();
  try {
    const [batch, steps] = shape;
    const layer = make(name, { units: 6, recurrentInitializer: "zeros", ...options });
    const x = wave(shape, 1).variable(true);
    if (test.special !== undefined) {
      const values = x.dataSync();
      values[values.length - 2] = test.special;
      x.assign(tf.tensor(values, shape));
    }
    layer.build(shape);
    layer.setWeights(
      layer.getWeights().map((weight: tf.Tensor, i: number) => wave(weight.shape, i, 0.7)),
    );
    const sizes: number[] = [layer.cell?.stateSize ?? layer.forwardLayer.cell.stateSize].flat();
    const copies = layer.cell ? 1 : 2;
    const first = Array(copies).fill(sizes).flat().map((units, i) =>
      wave([batch, units], i + 2).variable(true)
    );
    const mask = wave([batch, steps], 3).greater(-0.3);
    const call = (): tf.Tensor[] =>
      [layer.call([x], {
        training,
        mask: masked ? mask : null,
        initialState: started ? first : null,
      })].flat();
    const loss = () => {
      let total: tf.Tensor = tf.scalar(0);
      for (let i = 0; i < calls; i++) {
        call().forEach((y, j) => {
          results.set(`result ${j} of call ${i}`, [...y.dataSync()]);
          total = total.add(y.mul(wave(y.shape, j)).sum());
        });
      }
      return total.asScalar();
    };
    const weights = layer.weights.map((weight: Any) => weight.read());
    const variables = [x, ...weights, ...started ? first : []];
    const { grads } = tf.variableGrads(loss, variables);
    variables.forEach(({ name }, i) => results.set(`gradient ${i}`, [...grads[name].dataSync()]));
    tf.dispose([x, ...first, ...weights]);
    if (layer.stateful) layer.resetStates();
    tf.dispose(layer.states_);
  } finally {
    Math.random = random;
    tf.engine().endScope();
  }
  assertEquals(tf.memory().numTensors, before, `tensors are left on ${prefer}`);
  return results;
}

/** The largest difference of two results, relative to the largest number. */
function compare(actual: Map<string, number[]>, expected: Map<string, number[]>, what: string) {
  assertEquals([...actual.keys()], [...expected.keys()], what);
  for (const [name, values] of expected) {
    const found = actual.get(name)!;
    assertEquals(found.length, values.length, `${what}: ${name}`);
    assertEquals(found.map(Number.isNaN), values.map(Number.isNaN), `${what}: ${name}`);
    const finite = values.filter(Number.isFinite);
    const scale = finite.reduce((scale, x) => Math.max(scale, Math.abs(x)), 1e-3);
    found.forEach((x, i) => {
      if (!Number.isNaN(x)) assertLess(Math.abs(x - values[i]) / scale, 2e-5, `${what}: ${name}`);
    });
  }
}

const stack = (name: string, options: Options) =>
  L.rnn({ ...options, cell: [5, 6, 3].map((units) => L[`${name}Cell`]({ ...options, units })) });
const wrap = (mergeMode: string | null) => (name: string, options: Options) =>
  L.bidirectional({ layer: L[name](options), mergeMode });

const activations = ["linear", "relu", "relu6", "sigmoid", "hardSigmoid", "tanh", "elu", "softmax"];

/** Every option of recurrent layers, alone and with others. */
const cases: Record<string, Case> = {
  "no options": {},
  "one example": { shape: [1, 4, 5] },
  "one step": { shape: [3, 1, 5] },
  "one input": { shape: [3, 4, 1] },
  "one unit": { options: { units: 1 } },
  "odd sizes": { shape: [7, 3, 13], options: { units: 11, returnSequences: true } },
  "a block of rows and one more": { shape: [129, 2, 3], options: { units: 5 } },
  "more units than a block is deep": { shape: [2, 2, 3], options: { units: 515 } },
  "sequences": { options: { returnSequences: true } },
  "states": { options: { returnState: true } },
  "sequences and states": { options: { returnSequences: true, returnState: true } },
  "first states": { started: true, options: { returnState: true } },
  "backwards": { options: { goBackwards: true } },
  "backwards, sequences": { options: { goBackwards: true, returnSequences: true } },
  "no bias": { options: { useBias: false } },
  "implementation 1": { options: { implementation: 1 } },
  "unroll": { options: { unroll: true } },
  "masked": { masked: true },
  "masked sequences": { masked: true, options: { returnSequences: true, returnState: true } },
  "masked backwards": {
    masked: true,
    started: true,
    options: { goBackwards: true, returnSequences: true },
  },
  "dropout": { options: { dropout: 0.4 } },
  "dropout of states": { options: { recurrentDropout: 0.4, returnSequences: true } },
  "both dropouts, masked": {
    masked: true,
    started: true,
    options: { dropout: 0.4, recurrentDropout: 0.3, returnSequences: true },
  },
  "dropout in a prediction": { training: false, options: { dropout: 0.4, recurrentDropout: 0.3 } },
  "dropout of everything": { options: { dropout: 1, recurrentDropout: 1 } },
  "stateful": { calls: 3, options: { stateful: true } },
  "stateful, masked": { calls: 2, masked: true, options: { stateful: true } },
  "stacked": { make: stack },
  "stacked sequences": { make: stack, options: { returnSequences: true, returnState: true } },
  "stacked backwards, masked": {
    make: stack,
    masked: true,
    started: true,
    options: { goBackwards: true, returnSequences: true },
  },
  "stacked with dropout": { make: stack, options: { dropout: 0.3, recurrentDropout: 0.2 } },
  "one cell": { make: (name, options) => L.rnn({ cell: L[`${name}Cell`](options) }) },
  "both ways": { make: wrap("concat"), options: { returnSequences: true } },
  "both ways, masked": { make: wrap("sum"), masked: true, options: { returnSequences: true } },
  "both ways, first states": { make: wrap("ave"), started: true },
  "both ways apart": { make: wrap(null), options: { dropout: 0.3 } },
  "NaN": { special: NaN },
  "NaN, masked": { special: NaN, masked: true },
  "infinity": { special: Infinity, options: { activation: "relu6", recurrentActivation: "relu6" } },
  ...Object.fromEntries(activations.flatMap((activation): [string, Case][] => [
    [`activation ${activation}`, { options: { activation, returnSequences: true } }],
    [`recurrent activation ${activation}`, { options: { recurrentActivation: activation } }],
  ])),
};

for (const name of ["lstm", "gru", "simpleRNN"]) {
  Deno.test(
    `${name} computes results and gradients as on the cpu backend`,
    { ignore },
    async () => {
      for (const [what, test] of Object.entries(cases)) {
        const { warn } = console;
        console.warn = () => {};
        try {
          const expected = await run("cpu", name, test);
          const actual = await run("wasm", name, test);
          compare(actual, expected, what);
          assertEquals(await run("wasm", name, test), actual, `${what}, again`);
          for (const native of NATIVES) {
            const natively = await withNative(native, () => run("native", name, test));
            compare(natively, expected, `${what}, by ${native}`);
          }
        } finally {
          console.warn = warn;
        }
      }
    },
  );

  Deno.test(`${name} has the gradients of its differences`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    tf.tidy(() => {
      const layer = L[name]({ units: 6, recurrentActivation: "sigmoid", returnSequences: true });
      const x = wave([3, 4, 5]);
      layer.apply(x);
      layer.weights.forEach((weight: Any, i: number) => weight.write(wave(weight.shape, i, 0.5)));
      const loss = () => layer.apply(x).mul(wave([3, 4, 6], 9)).sum() as tf.Scalar;
      const { grads } = tf.variableGrads(loss, layer.weights.map((weight: Any) => weight.read()));
      layer.weights.forEach((weight: Any, i: number) => {
        const value = weight.read() as tf.Variable, start = value.clone();
        const direction = wave(value.shape, i + 5);
        const at = (by: number) => {
          value.assign(start.add(direction.mul(by)));
          return loss().dataSync()[0];
        };
        const difference = (at(0.01) - at(-0.01)) / 0.02;
        value.assign(start);
        const slope = grads[value.name].mul(direction).sum().dataSync()[0];
        assertLess(
          Math.abs(difference - slope),
          1e-3 * Math.max(1, Math.abs(slope)),
          `weight ${i}`,
        );
      });
      layer.dispose();
    });
  });
}

/** The kernels that a function runs, in order. */
async function kernelsOf(compute: () => tf.Tensor): Promise<string[]> {
  const { kernels } = await tf.profile(compute);
  return kernels.map(({ name }) => name);
}

/** Every option of convolutional LSTMs; the shape of the inputs is [batch, steps, height, width, channels]. */
const convolutional: Record<string, { shape?: number[]; started?: boolean; options?: Options }> = {
  "no options": {},
  "one example": { shape: [1, 3, 5, 6, 2] },
  "one step": { shape: [2, 1, 5, 6, 2] },
  "one channel": { shape: [2, 3, 5, 6, 1], options: { filters: 1 } },
  "one point": { shape: [2, 3, 1, 1, 3], options: { kernelSize: 1 } },
  "odd filters, sequences": { options: { filters: 7, returnSequences: true } },
  "states": { options: { returnState: true, returnSequences: true } },
  "first states": { started: true, options: { returnState: true } },
  "backwards": { options: { goBackwards: true, returnSequences: true } },
  "no bias": { options: { useBias: false } },
  "no padding": { options: { padding: "valid" } },
  "strides": { options: { strides: 2 } },
  "dilation": { options: { dilationRate: 2 } },
  "channels first": { options: { dataFormat: "channelsFirst" } },
  "dropout": { options: { dropout: 0.3 } },
  "dropout of states": { options: { recurrentDropout: 0.3 } },
  "dropout of everything": { options: { dropout: 1 } },
  "stateful": { options: { stateful: true } },
  "relu": { options: { activation: "relu", recurrentActivation: "linear" } },
  "elu": { options: { activation: "elu" } },
};

/** Runs a convolutional LSTM twice, and its gradient. */
async function runConvolutional(
  prefer: Prefer,
  { shape = [2, 3, 5, 6, 2], started, options }: typeof convolutional[string],
): Promise<Map<string, number[]>> {
  await select(prefer);
  const before = tf.memory().numTensors;
  const results = new Map<string, number[]>();
  const { random } = Math;
  Math.random = randomOf(7);
  tf.engine().startScope();
  try {
    const layer = L.convLstm2d({ filters: 4, kernelSize: 3, padding: "same", ...options });
    const x = wave(shape, 1).variable(true);
    layer.apply(tf.input({ batchShape: shape }));
    layer.setWeights(
      layer.getWeights().map(({ shape }: tf.Tensor, i: number) => wave(shape, i, 0.5)),
    );
    const [batch, , ...image] = layer.computeSingleOutputShape(shape);
    const first = [2, 3].map((seed) => wave([batch, ...image], seed).variable(true));
    const loss = () => {
      const calls = [0, 1].flatMap(() =>
        layer.call([x], { training: true, initialState: started ? first : null })
      );
      calls.forEach((y, i) => results.set(`result ${i}`, [...y.dataSync()]));
      return tf.addN(calls.map((y, i) => y.mul(wave(y.shape, i)).sum())).asScalar();
    };
    const weights = layer.weights.map((weight: Any) => weight.read());
    const variables = [x, ...weights, ...started ? first : []];
    const { grads } = tf.variableGrads(loss, variables);
    variables.forEach(({ name }, i) => results.set(`gradient ${i}`, [...grads[name].dataSync()]));
    tf.dispose([x, ...first, ...weights]);
    if (layer.stateful) layer.resetStates();
    tf.dispose(layer.states_);
  } finally {
    Math.random = random;
    tf.engine().endScope();
  }
  assertEquals(tf.memory().numTensors, before, `tensors are left on ${prefer}`);
  return results;
}

Deno.test(
  "convLstm2d computes results and gradients as on the cpu backend",
  { ignore },
  async () => {
    for (const [what, test] of Object.entries(convolutional)) {
      const expected = await runConvolutional("cpu", test);
      compare(await runConvolutional("wasm", test), expected, what);
      for (const native of NATIVES) {
        const natively = await withNative(native, () => runConvolutional("native", test));
        compare(natively, expected, `${what}, by ${native}`);
      }
    }
  },
);

Deno.test("convLstm2d runs one convolution of the states a step", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  tf.engine().startScope();
  const layer = L.convLstm2d({ filters: 4, kernelSize: 3 });
  const x = wave([2, 5, 6, 6, 2]);
  layer.apply(x);
  const names = await kernelsOf(() => layer.apply(x));
  const count = (wanted: string) => names.filter((name) => name === wanted).length;
  assertEquals([count("FusedConv2D"), count("Conv2D"), count("TrainchartLstmCell")], [1, 5, 5]);
  const dropping = L.convLstm2d({ filters: 4, kernelSize: 3, dropout: 0.5 });
  dropping.apply(x);
  const stock = await kernelsOf(() => dropping.apply(x, { training: true }));
  assert(!stock.includes("TrainchartLstmCell"));
  assert((await kernelsOf(() => dropping.apply(x))).includes("TrainchartLstmCell"));
  tf.dispose([...layer.weights, ...dropping.weights].map((weight: Any) => weight.read()));
  tf.engine().endScope();
});

testOnBackends("recurrent layers leave a batch without examples to tfjs", () => {
  for (const name of ["lstm", "gru", "simpleRNN"]) {
    const layer = L[name]({ units: 3, returnSequences: true });
    assertEquals(layer.apply(tf.zeros([0, 4, 2])).shape, [0, 4, 3]);
    layer.dispose();
  }
});

testOnBackends("a gradient within a gradient follows recurrent layers", () => {
  for (const name of ["lstm", "gru", "simpleRNN", "convLstm2d"]) {
    const isImage = name === "convLstm2d";
    const shape = isImage ? [1, 2, 3, 3, 2] : [2, 3, 4];
    const sizes = isImage ? { filters: 2, kernelSize: 2 } : { units: 3 };
    const layer = L[name]({ ...sizes, recurrentActivation: "sigmoid" });
    layer.apply(wave(shape));
    layer.setWeights(
      layer.getWeights().map((weight: tf.Tensor, i: number) => wave(weight.shape, i, 0.8)),
    );
    const weight = layer.weights[1].read() as tf.Variable, start = weight.clone();
    const penalty = () =>
      tf.grad((x) => layer.apply(x).square().sum())(wave(shape, 1)).square().sum().asScalar();
    const direction = wave(weight.shape, 4);
    const at = (by: number) => {
      weight.assign(start.add(direction.mul(by)));
      return penalty().dataSync()[0];
    };
    const difference = (at(0.005) - at(-0.005)) / 0.01;
    weight.assign(start);
    const { grads } = tf.variableGrads(penalty, [weight]);
    const slope = grads[weight.name].mul(direction).sum().dataSync()[0];
    assert(Math.abs(slope) > 1e-3, name);
    assertLess(Math.abs(difference - slope), 5e-3 * Math.max(0.1, Math.abs(slope)), name);
    layer.dispose();
  }
});

Deno.test("recurrent layers run one kernel for all steps", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  tf.engine().startScope();
  const x = wave([2, 50, 3]);
  const kernels = {
    lstm: "TrainchartLstm",
    gru: "TrainchartGru",
    simpleRNN: "TrainchartSimpleRnn",
  };
  for (const [name, kernel] of Object.entries(kernels)) {
    const layer = L[name]({ units: 4, dropout: 0.5 });
    layer.apply(x);
    assertEquals(await kernelsOf(() => layer.apply(x)), [kernel]);
    const variables = layer.weights.map((weight: Any) => weight.read());
    const step = () => tf.variableGrads(() => layer.apply(x).sum(), variables).value;
    const names = await kernelsOf(step);
    assertEquals(names.filter((name) => name === `${kernel}Gradient`).length, 1);
    assertLess(names.length, 50);
    layer.dispose();
  }
  tf.engine().endScope();
});

testOnBackends("a cell of the user's own computes what its class says", async (backend) => {
  const Cell = L.simpleRNNCell({ units: 2 }).constructor;
  class Doubled extends (Cell as new (options: object) => Any) {
    static className = "Doubled";
    call(inputs: tf.Tensor[], options: object): tf.Tensor[] {
      return super.call(inputs, options).map((y: tf.Tensor) => y.mul(2));
    }
  }
  const options = { units: 2, activation: "linear", kernelInitializer: "ones" };
  const sum = (cell: unknown) => {
    const layer = L.rnn({ cell });
    const y = layer.apply(tf.ones([1, 1, 3])) as tf.Tensor;
    layer.dispose();
    return [...y.dataSync()];
  };
  assertEquals(sum(L.simpleRNNCell(options)), [3, 3]);
  assertEquals(sum(new Doubled(options)), [6, 6]);
  const changed = L.simpleRNNCell(options);
  changed.call = ([x]: tf.Tensor[]) => [tf.zeros([x.shape[0], 2]), tf.zeros([x.shape[0], 2])];
  assertEquals(sum(changed), [0, 0]);
  const activation = L.simpleRNNCell(options);
  activation.activation.apply = (x: tf.Tensor) => x.add(1);
  assertEquals(sum(activation), [4, 4]);
  if (backend !== "wasm") return;
  const names = await kernelsOf(() => tf.tensor(sum(new Doubled(options))));
  assert(!names.includes("TrainchartSimpleRnn"));
});

Deno.test("tanh and sigmoid of recurrent layers are right to three units in the last place", {
  ignore,
}, async () => {
  for (const relaxed of [true, false]) {
    await selectBackend({ prefer: "wasm", relaxed, quiet: true });
    const values = Float32Array.from({ length: 20_000 }, (_, i) => {
      return (i % 2 ? -1 : 1) * Math.min(Math.exp((i / 20_000 - 0.7) * 20), 87);
    });
    const special = [0, Infinity, -Infinity, NaN, 1e-40, -1e-40, 1e-30, 88, -88, 200, -200];
    const all = Float32Array.of(...values, ...special);
    const exact = { tanh: Math.tanh, sigmoid: (x: number) => 1 / (1 + Math.exp(-x)) };
    for (const [activation, compute] of Object.entries(exact)) {
      tf.tidy(() => {
        const layer = L.simpleRNN({
          units: 1,
          activation,
          kernelInitializer: "ones",
          recurrentInitializer: "zeros",
          useBias: false,
        });
        const results = layer.apply(tf.tensor3d(all, [all.length, 1, 1])).dataSync();
        all.forEach((x, i) => {
          const expected = compute(x), actual = results[i];
          if (Number.isNaN(expected)) return assert(Number.isNaN(actual));
          // Numbers below the smallest normal one may be 0.
          const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(expected), 2 ** -126))) - 23);
          const allowed = Math.abs(expected) < 2 ** -126 ? 2 ** -126 : 3 * unit;
          assert(Math.abs(actual - expected) <= allowed, `${activation} of ${x}: ${actual}`);
        });
        layer.dispose();
      });
    }
  }
});

Deno.test("recurrent layers in a model with masking predict and train", { ignore }, async () => {
  const results: tf.Tensor[] = [];
  for (const prefer of ["cpu", "wasm"] as const) {
    await selectBackend({ prefer, quiet: true });
    const model = tf.sequential({
      layers: [
        L.embedding({ inputDim: 9, outputDim: 4, inputLength: 6, maskZero: true }),
        L.bidirectional({ layer: L.lstm({ units: 5, returnSequences: true }) }),
        L.gru({ units: 3 }),
        L.dense({ units: 2 }),
      ],
    });
    model.setWeights(model.getWeights().map(({ shape }, i) => tf.tidy(() => wave(shape, i, 0.5))));
    const x = tf.tensor2d([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 0]]), y = tf.ones([2, 2]);
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
    await model.fit(x, y, { epochs: 5, verbose: 0 });
    results.push(model.predict(x) as tf.Tensor);
    tf.dispose([x, y]);
    model.dispose();
  }
  assert(relativeError(results[1], [...results[0].dataSync()]) < 1e-5);
  tf.dispose(results);
});
