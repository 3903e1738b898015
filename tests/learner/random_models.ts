/**
 * Random models, losses, optimizers, callbacks and batches: a training of each, that can be repeated
 * in another way and must give the same bits.
 *
 * @module
 */
import {
  adam,
  adamW,
  type AnyLearner,
  binaryCrossEntropy,
  type CallbackLike,
  CancelBatch,
  crossEntropy,
  huber,
  Learner,
  type Loss,
  lossPerOutput,
  meanSquaredError,
  rmsprop,
  sgd,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  Freeze,
  GradientAccumulation,
  GradientClip,
  LearningRateSchedule,
  Metrics,
  MixUp,
  Recorder,
  schedules,
  StopOnNaN,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../src/random/random_numbers.ts";
import { LAYER_OPTIONS, type LayerOptions } from "../backend/layer_options.ts";

// deno-lint-ignore no-explicit-any -- layers and losses of any kind
type Any = any;
type Symbolic = tf.SymbolicTensor;

/** Draws from a stream that depends on a seed only. */
class Draw {
  readonly #random: () => number;

  constructor(seed: number, stream: number) {
    this.#random = keyedRandom(seed, stream);
  }

  one<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)];
  }

  is(probability: number): boolean {
    return this.#random() < probability;
  }

  number(below: number): number {
    return Math.floor(this.#random() * below);
  }
}

/** Number of elements of an example between layers. */
const MAX_SIZE = 300;
/**
 * The width of a random crop differs from call to call, and with it all shapes behind it; the others
 * often do not fit, which shows in a step only.
 */
const LEFT_OUT = ["randomWidth", "reshape"];
const ROWS = LAYER_OPTIONS.filter(({ name, shapes, takesCategories }) =>
  shapes.length === 1 && !takesCategories && !LEFT_OUT.includes(name)
);
const MERGES = ["add", "average", "multiply", "maximum", "minimum", "concatenate"];

function shapeOf(x: Symbolic): number[] {
  return x.shape.slice(1) as number[];
}

function isUsable(x: Symbolic | Symbolic[]): x is Symbolic {
  if (Array.isArray(x)) return false;
  const shape = shapeOf(x);
  return shape.every((size) => size > 0 && Number.isInteger(size)) &&
    tf.util.sizeFromShape(shape) <= MAX_SIZE;
}

function argumentsOf(draw: Draw, { needed, options }: LayerOptions): Record<string, unknown> {
  const args = { ...needed };
  for (const [name, values] of Object.entries(options)) {
    // With states, a layer has several results.
    if (name === "returnState" || values.length === 0 || !draw.is(0.2)) continue;
    args[name] = draw.one(values);
  }
  return args;
}

/** One random layer behind `x`; `x` itself if ten draws do not fit it. */
function oneLayer(draw: Draw, x: Symbolic): Symbolic {
  const rank = shapeOf(x).length;
  const rows = ROWS.filter(({ shapes }) => shapes[0].length === rank);
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = draw.one(rows);
    try {
      const y = (tf.layers as Any)[row.name](argumentsOf(draw, row)).apply(x);
      if (isUsable(y)) return y;
    } catch (error) {
      // The options do not fit each other, or the shape.
      if (!(error instanceof Error)) throw error;
    }
  }
  return x;
}

function chain(draw: Draw, x: Symbolic, count: number): Symbolic {
  for (let index = 0; index < count; index++) {
    x = oneLayer(draw, x);
    const units = shapeOf(x).at(-1)!;
    if (draw.is(0.2)) {
      const around = tf.layers.dense({ units, activation: draw.one(["relu", "tanh"]) }).apply(x);
      const merge = (tf.layers as Any)[draw.one(MERGES.slice(0, 5))]();
      x = merge.apply([x, around]);
    }
    if (draw.is(0.15)) {
      const shared = tf.layers.dense({ units });
      x = shared.apply(shared.apply(x)) as Symbolic;
    }
  }
  return x;
}

function flat(x: Symbolic): Symbolic {
  return shapeOf(x).length > 1 ? tf.layers.flatten().apply(x) as Symbolic : x;
}

const INPUTS = [[5], [8], [6, 4], [4, 6], [6, 6, 3], [4, 4, 2], [3, 4, 4, 2]];

interface Inputs {
  shapes: number[][];
  hasTokens: boolean;
}

interface Head {
  units: number;
  loss: Loss | string;
  optionsOf: Record<string, unknown>;
  labels(random: () => number, batch: number): tf.Tensor;
}

function uniform(random: () => number, shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(Array.from({ length: size }, () => random() * 2 - 1), shape);
}

/** The last layer, the loss and the labels of one result of the model. */
function headOf(draw: Draw): Head {
  const units = draw.one([1, 3]);
  const numbers = (random: () => number, batch: number) => uniform(random, [batch, units]);
  const classes = (random: () => number, batch: number) =>
    tf.tensor1d(Array.from({ length: batch }, () => Math.floor(random() * 3)), "int32");
  const bits = (random: () => number, batch: number) =>
    tf.tidy(() => uniform(random, [batch, units]).greater(0).toFloat());
  const oneHot = (random: () => number, batch: number) =>
    tf.tidy(() => tf.oneHot(classes(random, batch), 3).toFloat());
  const closure: Loss = (predictions, labels) => tf.sub(predictions, labels).abs().mean();
  return draw.one<Head>([
    { units, loss: meanSquaredError, optionsOf: {}, labels: numbers },
    { units, loss: "meanAbsoluteError", optionsOf: {}, labels: numbers },
    { units, loss: huber, optionsOf: {}, labels: numbers },
    { units, loss: closure, optionsOf: {}, labels: numbers },
    { units, loss: binaryCrossEntropy, optionsOf: {}, labels: bits },
    { units: 3, loss: crossEntropy, optionsOf: {}, labels: classes },
    {
      units: 3,
      loss: "categoricalCrossentropy",
      optionsOf: { activation: "softmax" },
      labels: oneHot,
    },
  ]);
}

/** Builds the model of a seed. */
function build(draw: Draw, { shapes, hasTokens }: Inputs, heads: Head[]): tf.LayersModel {
  const inputs = shapes.map((shape) => tf.input({ shape }));
  let x = inputs[0];
  if (hasTokens) {
    const maskZero = draw.is(0.3);
    x = tf.layers.embedding({ inputDim: 9, outputDim: 4, maskZero }).apply(x) as Symbolic;
    if (draw.is(0.5)) {
      const cell = draw.one(["lstm", "gru", "simpleRNN"]);
      const layer = (tf.layers as Any)[cell]({ units: 3, returnSequences: draw.is(0.5) });
      x = (draw.is(0.5) ? tf.layers.bidirectional({ layer }) : layer).apply(x);
    }
  }
  if (inputs.length === 2) {
    const shared = tf.layers.dense({ units: 4, activation: "tanh" });
    const parts = inputs.map((input) => shared.apply(input) as Symbolic);
    x = (tf.layers as Any)[draw.one(MERGES)]().apply(parts);
  }
  x = chain(draw, x, 1 + draw.number(4));
  const outputs = heads.map(({ units, optionsOf }, index) =>
    tf.layers.dense({ units, ...optionsOf, name: `head${index}` }).apply(flat(x)) as Symbolic
  );
  return tf.model({ inputs, outputs });
}

const OPTIMIZERS: ((rate: number) => tf.Optimizer)[] = [
  (rate) => adam(rate),
  (rate) => adamW(rate, { weightDecay: 0.1 }),
  (rate) => adam(rate, { beta1: 0.5, epsilon: 1e-4 }),
  (rate) => sgd(rate),
  (rate) => sgd(rate, { momentum: 0.9, nesterov: true }),
  (rate) => rmsprop(rate),
  (rate) => tf.train.rmsprop(rate, 0.9, 0, 1e-6, true),
  (rate) => tf.train.adam(rate),
  (rate) => tf.train.adagrad(rate),
  (rate) => tf.train.sgd(rate),
  (rate) => tf.train.momentum(rate, 0.9),
];

const CALLBACKS: ((draw: Draw) => CallbackLike)[] = [
  (draw) => new GradientClip(draw.one([{ norm: 0.1 }, { value: 0.01 }])),
  () => new GradientAccumulation(2),
  () => new LearningRateSchedule(schedules.polynomial(0.01, 0.001), { by: "batch" }),
  (draw) => new WeightAverage({ method: draw.one(["ema", "swa"]) }),
  () => new StopOnNaN(),
  (draw) => new Freeze(/bias|beta|head/, draw.one([{}, { until: 1 }])),
  () => new Recorder({ samples: 4 }),
  () =>
    new Metrics({
      size: (predictions) => tf.tidy(() => (predictions.head0 ?? predictions).abs().mean()),
    }),
  () => new TransformBatch(({ data }, random) => ({ data: scaled(data, 1 + random() / 8) })),
  (draw) => lateReplacement(draw.number(6)),
  (draw) => cancelling(draw.number(6)),
  (draw) => newWeights(draw.number(6)),
  (draw) => unevenRates(draw.number(6)),
  (draw) => otherSettings(draw.number(6)),
  (draw) => otherLoss(draw.number(6)),
  () => keptClones(),
  (draw) => new MixUp({ alpha: draw.one([0.4, 1]) }),
];

function scaled(data: tf.Tensor | tf.Tensor[], factor: number): tf.Tensor | tf.Tensor[] {
  const scale = (x: tf.Tensor) => x.dtype === "float32" ? tf.mul(x, factor) : x.clone();
  return Array.isArray(data) ? data.map(scale) : scale(data);
}

/** Counts batches, over all epochs. */
function inBatch(at: number, act: (learner: AnyLearner) => void): (learner: AnyLearner) => void {
  let count = 0;
  return (learner) => {
    if (count++ === at) act(learner);
  };
}

function lateReplacement(at: number): CallbackLike {
  let count = 0;
  return {
    name: `replaces the loss from batch ${at} on`,
    afterLoss(learner: AnyLearner) {
      if (learner.phase === "train" && count++ >= at) learner.loss = tf.mul(learner.loss, 2);
    },
  };
}

function cancelling(at: number): CallbackLike {
  const cancel = () => {
    throw new CancelBatch("a test");
  };
  return { name: `cancels batch ${at}`, afterBackward: inBatch(at, cancel) };
}

function newWeights(at: number): CallbackLike {
  const halve = ({ model }: AnyLearner) => {
    for (const weight of "layers" in model ? model.weights : []) {
      const variable = weight.read() as tf.Variable;
      tf.tidy(() => variable.assign(variable.mul(0.5)));
    }
  };
  return { name: `sets weights before batch ${at}`, beforeBatch: inBatch(at, halve) };
}

function unevenRates(at: number): CallbackLike {
  const change = (learner: AnyLearner) => void (learner.learningRate /= 3);
  return { name: `changes the rate in batch ${at}`, afterStep: inBatch(at, change) };
}

function otherSettings(at: number): CallbackLike {
  const change = ({ model }: AnyLearner) => {
    for (const layer of "layers" in model ? model.layers : []) {
      const settings = layer as unknown as Record<string, unknown>;
      for (const name of ["rate", "stddev", "momentum", "alpha", "theta"]) {
        if (typeof settings[name] === "number") settings[name] /= 2;
      }
    }
  };
  return {
    name: `changes settings of layers before batch ${at}`,
    beforeBatch: inBatch(at, change),
  };
}

function otherLoss(at: number): CallbackLike {
  const change = (learner: AnyLearner) => {
    if (learner.lossFunction === meanSquaredError) learner.lossFunction = huber;
  };
  return { name: `changes the loss before batch ${at}`, beforeBatch: inBatch(at, change) };
}

/** Its clones must keep their numbers, whatever is computed where their originals were. */
function keptClones(): CallbackLike & { sums: number[] } {
  const clones: tf.Tensor[] = [];
  const sums: number[] = [];
  return {
    name: "keeps clones",
    sums,
    afterStep({ loss }: AnyLearner) {
      clones.push(tf.clone(loss));
    },
    afterTrain() {
      for (const clone of clones.splice(0)) {
        sums.push(clone.dataSync()[0]);
        clone.dispose();
      }
    },
  };
}

/** Another way of the same training: options of the Learner, and of the run. */
export interface RandomRunOptions extends Record<string, unknown> {
  /** Number of epochs. Default: 2. */
  epochs?: number;
  /** Is called after each batch of training. */
  afterBatch?(learner: AnyLearner): void;
}

/** The training of a seed. */
export interface RandomTraining {
  /** Its batches, losses and callbacks, in words. */
  traits: string;
  /** Its traits and its layers: it builds the model. */
  description: string;
  /** Trains, validates and predicts; returns all numbers that come out. */
  run(options?: RandomRunOptions): Promise<Record<string, unknown>>;
}

/** Makes a random training. */
export function randomTraining(seed: number): RandomTraining {
  const draw = new Draw(seed, 0);
  const hasTokens = draw.is(0.15);
  const shape = hasTokens ? [5] : draw.one(INPUTS);
  const shapes = !hasTokens && draw.is(0.15) ? [shape, shape] : [shape];
  const heads = draw.is(0.15) ? [headOf(draw), headOf(draw)] : [headOf(draw)];
  if (heads.length > 1) {
    for (const head of heads) if (typeof head.loss === "string") head.loss = meanSquaredError;
    // Only class numbers have another shape than the results.
    heads.forEach((head, at) =>
      heads[at] = head.loss === meanSquaredError ? numberHead(head) : head
    );
  }
  const sizes = draw.one([[3, 3, 3], [4, 4, 2], [3, 1, 3, 2], [3, 3, 3, 3, 1]]);
  const makeOptimizer = draw.one(OPTIMIZERS);
  const rate = draw.one([0.01, 0.001]);
  const rows = Array.from({ length: draw.one([0, 0, 1, 2]) }, () => draw.one(CALLBACKS));
  const trainingSeed = draw.number(1e6);

  function make(): { model: tf.LayersModel; dispose(): void } {
    const known = new Set(Object.keys(tf.engine().registeredVariables));
    const model = withSeed(seed, () => build(new Draw(seed, 1), { shapes, hasTokens }, heads));
    return {
      model,
      dispose() {
        model.dispose();
        // Layers that did not fit have left their weights.
        for (const [name, variable] of Object.entries(tf.engine().registeredVariables)) {
          if (!known.has(name)) variable.dispose();
        }
      },
    };
  }

  async function run(given: RandomRunOptions = {}): Promise<Record<string, unknown>> {
    const { epochs = 2, afterBatch, ...options } = given;
    const { model, dispose } = make();
    const random = keyedRandom(seed, 2);
    const batchOf = (size: number) => {
      const data = shapes.map((shape) => {
        if (!hasTokens) return uniform(random, [size, ...shape]);
        const length = tf.util.sizeFromShape(shape) * size;
        return tf.tensor(Array.from({ length }, () => Math.floor(random() * 9)), [size, ...shape]);
      });
      const labels = heads.map((head) => head.labels(random, size));
      return {
        data: data.length > 1 ? data : data[0],
        labels: labels.length > 1 ? { head0: labels[0], head1: labels[1] } : labels[0],
      };
    };
    const train = sizes.map(batchOf), validation = [batchOf(3), batchOf(2)];
    const callbacksDraw = new Draw(seed, 3);
    const callbacks = rows.map((row) => row(callbacksDraw));
    if (afterBatch) callbacks.push({ name: "looks on", afterBatch });
    const optimizer = makeOptimizer(rate);
    const lossFunction = heads.length > 1
      ? lossPerOutput(
        Object.fromEntries(heads.map(({ loss }, index) => [`head${index}`, loss as Loss])),
      )
      : heads[0].loss;
    const numbers: Record<string, unknown> = {};
    try {
      const learner = new Learner(
        {
          model: heads.length > 1 ? named(model) : model,
          optimizer,
          lossFunction,
          dataloaders: { train, validation },
          callbacks,
          seed: trainingSeed,
          ...options,
        } as Any,
      );
      const result = await learner.train({ epochs, learningRate: rate }).then(
        ({ status, trainLoss, metrics }) => ({ status, trainLoss, metrics }),
        // Layers and weights are numbered through.
        ({ message }: Error) => ({ status: "failed", message: message.replaceAll(/\d+/g, "#") }),
      );
      Object.assign(numbers, result);
      if (result.status !== "failed") {
        numbers.validation = (await learner.validate()).validationLoss;
        const predicted = tf.tidy(() => model.predict(train[0].data) as tf.Tensor | tf.Tensor[]);
        numbers.predictions = [predicted].flat().map((x) => [...x.dataSync()]);
        tf.dispose(predicted);
      }
      numbers.weights = model.weights.map((weight) => [...weight.read().dataSync()]);
      numbers.kept = callbacks.flatMap((callback) => (callback as { sums?: number[] }).sums ?? []);
      return numbers;
    } finally {
      tf.dispose([train, validation] as Any);
      optimizer.dispose();
      // That of momentum forgets its rate.
      (optimizer as unknown as { c?: tf.Tensor }).c?.dispose();
      dispose();
    }
  }

  const parts = () => {
    const { model, dispose } = make();
    const layers = model.layers.map((layer) => layer.getClassName()).join(" ");
    dispose();
    return layers;
  };
  const callbacks = rows.map((row) => row(new Draw(seed, 3)));
  const traits = [
    `batches of ${sizes}`,
    `losses ${heads.map(({ loss }) => typeof loss === "string" ? loss : loss.name)}`,
    `callbacks ${callbacks.map(({ name, constructor }) => name ?? constructor?.name)}`,
  ].join("; ");
  return {
    traits,
    get description() {
      return `seed ${seed}: ${parts()}; ${traits}`;
    },
    run,
  };
}

function numberHead(head: Head): Head {
  return {
    ...head,
    optionsOf: {},
    labels: (random, batch) => uniform(random, [batch, head.units]),
  };
}

/** A model whose results are a record. */
function named(model: tf.LayersModel): unknown {
  return {
    apply(data: Any, { training }: { training: boolean }) {
      const [head0, head1] = model.apply(data, { training }) as tf.Tensor[];
      return { head0, head1 };
    },
    get trainableVariables() {
      return model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    },
  };
}
