/**
 * A program that `mpirun` starts on every rank: it trains, and each rank writes down its results.
 *
 * @module
 */
import {
  accuracy,
  adam,
  type AnyLearner,
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  Checkpoint,
  crossEntropy,
  DataLoader,
  EarlyStopping,
  Learner,
  LearningRateSchedule,
  Metrics,
  ProgressBar,
  selectBackend,
  sgd,
  type StatefulMetric,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  ConfusionMatrix,
  CsvLogger,
  GradientAccumulation,
  GradientClip,
  LearningRateFinder,
  OverfitOneBatch,
  schedules,
  StopOnNaN,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../data.ts";
import { f1, rocAuc, rSquared } from "../../metrics.ts";
import { LivePage } from "../../live.ts";
import { WORTHWHILE } from "../../src/backend/native/native_kernels.ts";
import { DataParallel, mpi } from "../../distributed.ts";

/** The order of a test, as JSON in the first argument. */
export interface Order {
  model?: "mlp" | "cnn" | "norm" | "recurrent" | "gan";
  optimizer?: "sgd" | "momentum" | "adam" | "stockAdam";
  /** `native` is wasm with a native library for everything that it computes. Default: "wasm". */
  backend?: "wasm" | "cpu" | "native";
  epochs?: number;
  examples?: number;
  /** Batch size of each rank. */
  batchSize?: number;
  /** The other callbacks. */
  with?: (keyof typeof EXTRAS)[];
  /** The failure or request on rank 1 in epoch 1 at batch 2. */
  event?: string;
  limit?: number;
  /** The folder of checkpoints, and the number of batches between them. */
  folder?: string;
  every?: number;
  /** Part of the training labels that is ignored. */
  ignored?: number;
  /** Validate after every this many batches. */
  validationBatches?: number;
  /** The checkpoint to resume. */
  from?: string;
  limits?: { train?: number };
}

/** The results of a rank. */
export interface Answer {
  rank: number;
  size: number;
  status: string;
  reason?: string;
  weights: number[];
  losses: number[];
  metrics: Record<string, number>;
  batches: string[];
  tensors: number;
  /** The longest time between two steps, in ms, and the second of the two. */
  gap: { before: string; time: number };
}

const FEATURES = 16, CLASSES = 4;

/** The same examples everywhere. */
function dataset(examples: number, shape: number[], ignored = 0): TensorDataset {
  const random = keyedRandom(7);
  const data = Float32Array.from({ length: examples * FEATURES }, () => 2 * random() - 1);
  const labels = Int32Array.from({ length: examples }, (_, row) => {
    const sums = Array.from(
      { length: CLASSES },
      (_, part) =>
        data.subarray(row * FEATURES + part * 4, row * FEATURES + part * 4 + 4).reduce((a, b) =>
          a + b
        ),
    );
    return random() < ignored ? -1 : sums.indexOf(Math.max(...sums));
  });
  return new TensorDataset({
    data: { values: data, shape: [examples, ...shape] },
    labels: { values: labels, shape: [examples] },
  });
}

function model(kind: Order["model"]): tf.Sequential {
  const { dense, conv2d, flatten, maxPooling2d, batchNormalization } = tf.layers;
  if (kind === "cnn") {
    return tf.sequential({
      layers: [
        conv2d({
          filters: 8,
          kernelSize: 3,
          padding: "same",
          activation: "relu",
          inputShape: [4, 4, 1],
        }),
        maxPooling2d({ poolSize: 2 }),
        flatten(),
        dense({ units: CLASSES }),
      ],
    });
  }
  if (kind === "recurrent") {
    const lstm = tf.layers.lstm({ units: 8, stateful: true });
    return tf.sequential({
      layers: [
        tf.layers.reshape({ targetShape: [4, 4], batchInputShape: [16, FEATURES] }),
        lstm,
        dense({ units: CLASSES }),
      ],
    });
  }
  return tf.sequential({
    layers: [
      dense({ units: 32, activation: "relu", inputShape: [FEATURES] }),
      ...kind === "norm" ? [batchNormalization()] : [],
      dense({ units: CLASSES }),
    ],
  });
}

/** A generator and a discriminator. */
function gan(): tf.Sequential[] {
  return [FEATURES, 1].map((units) =>
    tf.sequential({ layers: [tf.layers.dense({ units, inputShape: [FEATURES] })] })
  );
}

/** Trains the generator in every second batch. */
function objectives([generator, discriminator]: tf.Sequential[], optimizers: tf.Optimizer[]) {
  const judge = (data: tf.Tensor) => discriminator.apply(data) as tf.Tensor;
  const predict = ({ data }: AnyLearner) => generator.apply(data) as tf.Tensor;
  return {
    discriminator: {
      variables: discriminator,
      optimizer: optimizers[1],
      predict: ({ data }: AnyLearner) => [generator.apply(data) as tf.Tensor, data],
      loss: ([fake, data]: tf.Tensor[]) =>
        judge(fake).square().add(judge(data).sub(1).square()).mean(),
    },
    generator: {
      variables: generator,
      optimizer: optimizers[0],
      every: 2,
      predict,
      loss: (fake: tf.Tensor) => judge(fake).sub(1).square().mean(),
    },
  };
}

const OPTIMIZERS = {
  sgd: () => sgd(0.05),
  momentum: () => sgd(0.05, { momentum: 0.9 }),
  adam: () => adam(0.005),
  stockAdam: () => tf.train.adam(0.005),
};

/** Applies a metric of numbers to one-hot classes. */
function ofClasses(metric: StatefulMetric): StatefulMetric {
  return {
    addsPeers: metric.addsPeers,
    reset: () => metric.reset(),
    update: (predictions, labels) =>
      tf.tidy(() => metric.update(predictions, tf.oneHot(labels, CLASSES).toFloat())),
    compute: (peers) => metric.compute(peers),
    state: () => metric.state!(),
    restore: (state) => metric.restore!(state),
  };
}

/** Two callbacks as one. */
function both(...callbacks: CallbackLike[]): CallbackLike {
  return {
    name: "Both",
    prepare: (learner) => void (learner.callbacks = [...learner.callbacks, ...callbacks]),
  };
}

const EXTRAS = {
  clip: () => new GradientClip({ norm: 0.1 }),
  accumulate: () => new GradientAccumulation(3),
  average: () => new WeightAverage({ decay: 0.9 }),
  schedule: () => new LearningRateSchedule(schedules.cosine(0.05)),
  metrics: () => new Metrics({ accuracy, f1: f1(), auc: rocAuc(), r2: ofClasses(rSquared()) }),
  bar: () => new ProgressBar(),
  log: () => new CsvLogger(`${folder}/log${rank}.csv`),
  page: () => new LivePage(),
  overfit: () => new OverfitOneBatch({ stepsPerEpoch: 3 }),
  finder: () => {
    const finder = new LearningRateFinder({ steps: 20 });
    const publish = {
      afterTrain(learner: AnyLearner) {
        for (const { learningRate, loss } of finder.curve) learner.metrics[learningRate] = loss;
      },
    };
    return both(finder, publish);
  },
  confusion: () => {
    const matrix = new ConfusionMatrix({ phases: ["train"] });
    const publish = {
      priority: matrix.priority + 1,
      afterEpoch(learner: AnyLearner) {
        matrix.counts.flat().forEach((count, cell) => learner.metrics[`cell${cell}`] = count);
      },
    };
    return both(matrix, publish);
  },
} satisfies Record<string, () => CallbackLike>;

const EVENTS: Record<string, (learner: AnyLearner) => void> = {
  cancelBatch: () => {
    throw new CancelBatch("mine");
  },
  cancelEpoch: () => {
    throw new CancelEpoch("mine");
  },
  cancelTrain: () => {
    throw new CancelTrain("mine");
  },
  requestBatch: (learner) => void learner.cancel("batch"),
  requestEpoch: (learner) => void learner.cancel("epoch"),
  requestTrain: (learner) => void learner.cancel("train", "asked"),
  pause: (learner) => {
    learner.pause();
    setTimeout(() => learner.step(), 1000);
    setTimeout(() => learner.resume(), 1300);
  },
  nan: (learner) => void (learner.data = tf.fill(learner.data.shape, NaN)),
  throw: () => {
    throw new Error("boom");
  },
  throwAll: () => {
    throw new Error("boom");
  },
  reject: () => void Promise.reject(new Error("boom")),
  hang: () => {
    for (;;);
  },
  exit: () => Deno.exit(0),
  kill: () => Deno.kill(Deno.pid, "SIGKILL"),
};

const orders = JSON.parse(Deno.args[0]) as Order[];
const folder = Deno.args[1];
const world = await mpi({ limit: orders[0].limit });
const { rank, size } = world;
const answers: Answer[] = [];
for (const order of orders) answers.push(await answerTo(order));
await Deno.writeTextFile(`${folder}/${rank}.json`, JSON.stringify(answers));

async function answerTo(order: Order): Promise<Answer> {
  const { backend = "wasm" } = order;
  if (backend === "native") {
    await selectBackend({ native: true, quiet: true });
    Object.assign(WORTHWHILE, { product: 0, convolution: 0, elements: 0, columns: 0 });
  } else await selectBackend({ prefer: backend, quiet: true });
  const before = tf.memory().numTensors;
  const { examples = 320, batchSize = 16, epochs = 2, limits } = order;
  const shape = order.model === "cnn" ? [4, 4, 1] : [FEATURES];
  const data = dataset(
    order.event === "uneven" ? examples - 64 * rank : examples,
    shape,
    order.ignored,
  );
  const validationData = dataset(order.model === "recurrent" ? 64 : 50, shape);
  const batches: string[] = [];
  const losses: number[] = [];
  const gap = { before: "", time: 0 };
  const parts = withSeed(rank, () => order.model === "gan" ? [...gan()] : [model(order.model)]);
  const optimizers = parts.map(() => OPTIMIZERS[order.optimizer ?? "sgd"]());
  const learner = new Learner({
    ...order.model === "gan"
      ? { objectives: objectives(parts, optimizers) }
      : { model: parts[0], optimizer: optimizers[0], lossFunction: crossEntropy },
    dataloaders: {
      train: new DataLoader({ dataset: data, batchSize, shuffle: true }),
      ...order.event === "kinds" && rank === 1
        ? {}
        : { validation: new DataLoader({ dataset: validationData, batchSize }) },
    },
    callbacks: [
      ...callbacksOf(order, batches, losses, gap),
      new DataParallel(world),
      ...order.event === "twoWorlds" ? [new DataParallel(world)] : [],
    ],
    seed: rank === 0 ? 42 : undefined,
  });
  learner.limits = limits ?? {};
  const { status, reason } = order.event === "validate"
    ? await learner.validate()
    : await learner.train(
      order.from ? { from: order.from } : {
        epochs: order.event === "epochs" ? epochs + rank : epochs,
        ...order.validationBatches && { validationBatches: order.validationBatches },
      },
    );
  const { metrics } = learner;
  const weights = parts.flatMap((part) => part.getWeights())
    .flatMap((weight) => [...weight.dataSync()]);
  for (const owner of [...optimizers, ...parts]) owner.dispose();
  data.dispose();
  validationData.dispose();
  const tensors = tf.memory().numTensors - before;
  return { rank, size, status, reason, weights, losses, metrics, batches, tensors, gap };
}

function callbacksOf(
  order: Order,
  batches: string[],
  losses: number[],
  gap: Answer["gap"],
): CallbackLike[] {
  const { event, folder, every = 1 } = order;
  let last = performance.now();
  const isRank1 = rank === 1 % size;
  /** Makes the event happen on rank 1. */
  const actor: CallbackLike = {
    beforeEpoch({ epoch }) {
      if (event === "cancelBefore" && isRank1 && epoch === 1) throw new CancelEpoch("mine");
    },
    beforeBatch(learner) {
      const acts = isRank1 || event === "throwAll";
      if (!acts || !event || learner.epoch !== 1 || learner.batchIndex !== 2) return;
      console.error(`event at ${Date.now()}`);
      EVENTS[event]?.(learner);
    },
  };
  const observer: CallbackLike = {
    priority: 50,
    beforeStep({ epoch, batchIndex }) {
      if (event !== "cancelLate" || !isRank1 || epoch !== 1 || batchIndex !== 2) return;
      throw new CancelBatch("late");
    },
    afterStep: ({ epoch, batchIndex }) => {
      const before = `${epoch}.${batchIndex}`;
      const time = performance.now() - last;
      last += time;
      if (batches.length > 0 && epoch === 1 && time > gap.time) {
        Object.assign(gap, { before, time });
      }
      batches.push(before);
    },
    afterEpoch: ({ trainLoss }) => void losses.push(trainLoss),
    afterValidate: ({ validationLoss }) => void losses.push(validationLoss),
  };
  const options = { every: { batches: every }, last: 99, resume: "auto", signals: false } as const;
  return [
    actor,
    observer,
    ...(order.with ?? []).map((name) => EXTRAS[name]()),
    ...event === "nan" ? [new StopOnNaN()] : [],
    ...event === "early" ? [new EarlyStopping({ minDelta: 10, patience: 1 })] : [],
    ...folder ? [new Checkpoint(folder, options)] : [],
  ];
}
