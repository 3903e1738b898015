/**
 * The law of every part of a run that keeps something: a run that is cut anywhere and resumed is the
 * run without a break, bit for bit, whether steps are compiled or not.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  adam,
  adamW,
  type CallbackLike,
  crossEntropy,
  DataLoader,
  type DataLoaderOptions,
  EarlyStopping,
  Learner,
  type LearnerOptions,
  LearningRateSchedule,
  rmsprop,
  type RunCheckpoint,
  selectBackend,
  sgd,
  TensorDataset,
  tf,
  type TrainOptions,
  withSeed,
} from "../../mod.ts";
import {
  CutMix,
  Freeze,
  GradientAccumulation,
  GradientClip,
  GradualUnfreeze,
  LimitBatches,
  MaxSteps,
  MixUp,
  OverfitOneBatch,
  ReduceOnPlateau,
  schedules,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../data.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import type { AnyLearner } from "../fixtures/tiny_learner.ts";

const { layers } = tf;
const { state: read } = await Deno.permissions.query({ name: "read" });

// deno-lint-ignore no-explicit-any -- models, optimizers and batches of any kind
type Any = any;

/** A training of which one part keeps something. */
interface Case {
  callbacks?: () => CallbackLike[];
  optimizer?: (model: Any) => LearnerOptions["optimizer"];
  model?: () => Any;
  objectives?: (model: Any) => LearnerOptions["objectives"];
  loader?: Partial<DataLoaderOptions<Any, Any>>;
  train?: TrainOptions;
}

const random = keyedRandom(7);
const VALUES = Float32Array.from({ length: 22 * 3 }, random);
const LABELS = Int32Array.from({ length: 22 }, () => Math.floor(random() * 2));

function network(): tf.Sequential {
  return withSeed(1, () =>
    tf.sequential({
      layers: [
        layers.dense({ name: "body", units: 4, inputShape: [3], activation: "relu" }),
        layers.batchNormalization({ name: "norm" }),
        layers.dropout({ rate: 0.3 }),
        layers.dense({ name: "head", units: 2 }),
      ],
    }));
}

const frozen = () => [new Freeze("body", { until: 1 })];

const CASES: Record<string, Case> = {
  "dropout, noise, penalties and constraints": {
    model: () =>
      withSeed(2, () =>
        tf.sequential({
          layers: [
            layers.dense({
              units: 4,
              inputShape: [3],
              kernelRegularizer: "l1l2",
              kernelConstraint: "maxNorm",
            }),
            layers.gaussianNoise({ stddev: 0.2 }),
            layers.alphaDropout({ rate: 0.2 }),
            layers.dense({ units: 2 }),
          ],
        })),
  },
  "a model with statistics of its own": { model: ownModel },
  "adam with frozen weights": { callbacks: frozen },
  "tf.train.adam with frozen weights": {
    optimizer: () => tf.train.adam(0.05),
    callbacks: frozen,
  },
  "tf.train.momentum with frozen weights": {
    optimizer: () => tf.train.momentum(0.05, 0.9),
    callbacks: frozen,
  },
  "tf.train.rmsprop with frozen weights": {
    optimizer: () => tf.train.rmsprop(0.05, 0.9, 0.5, 1e-7, true),
    callbacks: frozen,
  },
  "tf.train.adamax that unfreezes": {
    optimizer: () => tf.train.adamax(0.05),
    callbacks: () => [new GradualUnfreeze({ groups: 3, updateStatistics: true })],
  },
  "tf.train.adagrad with frozen weights": {
    optimizer: () => tf.train.adagrad(0.05),
    callbacks: frozen,
  },
  "an optimizer for each part": {
    model: twoParts,
    optimizer: () => ({ body: tf.train.momentum(0.05, 0.9), head: adam(0.01) }),
    callbacks: () => [new Freeze(/body_kernel/, { until: 1 })],
  },
  "rmsprop with momentum": { optimizer: () => rmsprop(0.01, { momentum: 0.5 }) },
  "adamW with groups": {
    optimizer: () =>
      adamW(0.05, { weightDecay: 0.1, groups: [{ match: "body", learningRateFactor: 0.1 }] }),
  },
  "objectives, one of them in every second batch": {
    objectives: (model: tf.LayersModel) => ({
      all: { variables: model, optimizer: adam(0.05), loss: crossEntropy },
      head: {
        variables: [model.getLayer("head").weights[0].read() as tf.Variable],
        optimizer: sgd(0.01, { momentum: 0.9 }),
        loss: (predictions, labels) => crossEntropy(predictions, labels).mul(2),
        every: 2,
      },
    }),
  },
  "two MixUps": { callbacks: () => [new MixUp({ alpha: 0.2 }), new MixUp()] },
  CutMix: {
    model: () =>
      withSeed(1, () =>
        tf.sequential({
          layers: [layers.flatten({ inputShape: [3, 1, 1] }), layers.dense({ units: 2 })],
        })),
    callbacks: () => {
      const images = (learner: AnyLearner) => {
        learner.data = tf.tidy(() => learner.data.reshape([-1, 3, 1, 1]));
      };
      const asImages = { priority: -1000, beforeBatch: images, beforeValidationBatch: images };
      return [asImages, new CutMix()];
    },
  },
  TransformBatch: {
    callbacks: () => [
      new TransformBatch(({ data }, draw) => ({
        data: (data as tf.Tensor).add(draw()).add(tf.randomNormal((data as tf.Tensor).shape)),
      }), { phases: ["train", "validation"] }),
    ],
  },
  "average, early stopping, schedule, accumulation and clipping": {
    callbacks: () => [
      new WeightAverage({ decay: 0.9 }),
      new EarlyStopping({ patience: 2, monitor: "train.loss" }),
      new LearningRateSchedule(schedules.oneCycle(0.05)),
      new GradientAccumulation(3),
      new GradientClip({ norm: 0.5 }),
    ],
  },
  "the mean of weights, with its statistics": {
    callbacks: () => [new WeightAverage({ method: "swa", startEpoch: 1 })],
  },
  "the best weights, and validations within the epoch": {
    callbacks: () => [new EarlyStopping({ patience: 3, restoreBest: true })],
    train: { validationBatches: 4 },
  },
  ReduceOnPlateau: {
    callbacks: () => [new ReduceOnPlateau({ patience: 1, minDelta: 9 })],
    train: { validationBatches: 2 },
  },
  "a window of accumulation that is left open": {
    callbacks: () => [new GradientAccumulation(4), new GradientClip({ value: 0.01 })],
  },
  "a loader that is continued": {
    callbacks: () => [new LimitBatches({ train: 4, continueLoader: true })],
  },
  "a loader that fetches ahead": { loader: { prefetch: 3 } },
  "batches of similar lengths": {
    loader: { lengths: Int32Array.from({ length: 22 }, (_, i) => i) },
  },
  OverfitOneBatch: { callbacks: () => [new OverfitOneBatch({ stepsPerEpoch: 3 })] },
  MaxSteps: { callbacks: () => [new MaxSteps(9), new GradientAccumulation(2)] },
};

/** A model with a statistic that no gradient changes. */
function ownModel() {
  return withSeed(2, () => {
    const weight = tf.tidy(() => tf.variable(tf.randomNormal([3, 2]), true, "own_weight"));
    const mean = tf.tidy(() => tf.variable(tf.zeros([2]), false, "own_mean"));
    return {
      variables: [weight, mean],
      trainableVariables: [weight],
      apply(data: tf.Tensor2D, { training }: { training: boolean }) {
        const outputs = data.matMul(weight as Any).add(mean);
        if (training) mean.assign(tf.tidy(() => mean.mul(0.9).add(outputs.mean(0).mul(0.1))));
        return tf.dropout(outputs, training ? 0.2 : 0);
      },
      dispose: () => tf.dispose([weight, mean]),
    };
  });
}

function twoParts() {
  const part = (name: string, units: number) => {
    const weights = withSeed(3, () => [
      tf.tidy(() => tf.variable(tf.randomNormal([3, units]), true, `${name}_kernel`)),
      tf.tidy(() => tf.variable(tf.zeros([units]), true, `${name}_bias`)),
    ]);
    return {
      trainableVariables: weights,
      apply: (data: tf.Tensor2D) => data.matMul(weights[0] as Any).add(weights[1]),
    };
  };
  const body = part("body", 3), head = part("head", 2);
  const trainableVariables = [...body.trainableVariables, ...head.trainableVariables];
  return {
    body,
    head,
    trainableVariables,
    apply: (data: tf.Tensor2D) => head.apply(body.apply(data).tanh() as tf.Tensor2D),
    dispose: () => tf.dispose(trainableVariables),
  };
}

/** Takes a checkpoint in every after hook. */
function cutter(): CallbackLike & { cuts: RunCheckpoint[] } {
  const cuts: RunCheckpoint[] = [];
  const cut = async (learner: AnyLearner) => void cuts.push(await learner.checkpoint());
  const hooks = {
    afterBatch: cut,
    afterEpoch: cut,
    afterValidationBatch: cut,
    afterValidate: cut,
    afterTrain: cut,
  };
  return Object.assign(hooks, { cuts, priority: 1e7 });
}

interface Seen {
  losses: number[];
  result: unknown;
  weights: number[][];
}

async function run(
  { callbacks, optimizer, model: make = network, objectives, loader, train }: Case,
  { from, compile, cut }: { from?: RunCheckpoint; compile?: boolean; cut?: CallbackLike },
): Promise<Seen> {
  const model = make();
  const dataset = new TensorDataset({
    data: { values: VALUES, shape: [22, 3] },
    labels: { values: LABELS, shape: [22] },
  });
  const losses: number[] = [];
  const log = ({ loss }: AnyLearner) => void losses.push(loss.dataSync()[0]);
  const learner: AnyLearner = new Learner<Any, Any, Any>({
    model,
    ...objectives
      ? { objectives: objectives(model) }
      : { optimizer: optimizer?.(model) ?? adam(0.05), lossFunction: crossEntropy },
    seed: 5,
    compile,
    callbacks: [
      ...callbacks?.() ?? [],
      { afterBatch: log, afterValidationBatch: log },
      ...cut ? [cut] : [],
    ],
    dataloaders: {
      train: new DataLoader({ dataset, batchSize: 4, shuffle: true, ...loader } as Any),
      validation: new DataLoader({ dataset, batchSize: 8 }),
    },
  });
  const result = await learner.train(from ? { from } : { epochs: 3, ...train });
  const variables: tf.Variable[] = "weights" in model
    ? model.weights.map((weight: Any) => weight.read())
    : model.variables ?? model.trainableVariables;
  const weights = variables.map((variable) => Array.from(variable.dataSync()));
  const optimizers = Object.values(learner.objectives).map(({ optimizer }) => optimizer);
  for (const one of optimizers.length > 0 ? optimizers : [learner.optimizer]) one.dispose();
  model.dispose();
  dataset.dispose();
  return { losses, result, weights };
}

for (const [index, [name, part]] of Object.entries(CASES).entries()) {
  Deno.test(`${name}: a resumed run is the run without a break`, {
    ignore: read !== "granted",
  }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    // The optimizers of TensorFlow.js keep some of their scalars.
    const test = async () => {
      const cut = cutter();
      const whole = await run(part, { cut });
      assertEquals(await run(part, { compile: false }), whole);
      for (const [at, from] of cut.cuts.entries()) {
        if (at % 4 !== index % 4) continue;
        const { losses, ...others } = await run(part, {
          from,
          compile: at % 8 < 4 ? undefined : false,
        });
        assertEquals(losses, whole.losses.slice(whole.losses.length - losses.length));
        assertEquals(others, { result: whole.result, weights: whole.weights });
      }
    };
    await (`${part.optimizer}`.includes("tf.train") ? test() : assertNoTensorsLeft(test));
  });
}

Deno.test("a checkpoint with a slot of another shape is refused, also of tf.train.adam", async () => {
  await tf.setBackend("cpu");
  const part: Case = { optimizer: () => tf.train.adam(0.05) };
  const cut = cutter();
  await run(part, { cut });
  const [checkpoint] = cut.cuts;
  const tensors = new Map(checkpoint.tensors);
  const name =
    [...tensors].find(([name, { shape }]) =>
      name.includes("accumulatedFirstMoment") && `${shape}` === "3,4"
    )![0];
  tensors.set(name, { ...tensors.get(name)!, shape: [4, 3] });
  const error = await assertRejects(
    () => run(part, { from: { ...checkpoint, tensors } }),
    Error,
    "state.optimizer.fields.accumulatedFirstMoment",
  );
  assert(error.message.includes("must have shape [3,4]"), error.message);
});
