/**
 * A small run with everything that could make a resumed one differ: dropout, batch normalisation,
 * noise, shuffling, momentum, a schedule, accumulated and clipped gradients, mixup, a moving average,
 * patience, stateful metrics, a history.
 *
 * @module
 */
import {
  accuracy,
  adamW,
  Callback,
  crossEntropy,
  DataLoader,
  EarlyStopping,
  Learner,
  LearningRateSchedule,
  Metrics,
  Recorder,
  rmsprop,
  selectBackend,
  sgd,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  ConfusionMatrix,
  GradientAccumulation,
  GradientClip,
  MixUp,
  schedules,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../data.ts";
import { f1, rocAuc } from "../../metrics.ts";
import { HOOK_NAMES } from "../../chart.ts";

export const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  sgd: () => sgd(0.1, { momentum: 0.9, nesterov: true }),
  adamW: () => adamW(0.01),
  rmsprop: () => rmsprop(0.01, { momentum: 0.5 }),
  stockAdam: () => tf.train.adam(0.01),
  stockMomentum: () => tf.train.momentum(0.1, 0.9),
  stockAdamax: () => tf.train.adamax(0.01),
};

/** Records every hook, with the bytes of the labels before a batch and of the loss after it. */
export class Log extends Callback {
  override priority = 10;
  readonly lines: string[] = [];
}
for (const hook of HOOK_NAMES) {
  Log.prototype[hook] = function (this: Log, { phase, epoch, batchIndex, labels, loss }: Learner) {
    const line = `${hook} ${phase} ${epoch} ${batchIndex}`;
    if (/^before.*Batch$/.test(hook)) this.lines.push(`${line} ${hex(labels)}`);
    else this.lines.push(/^after.*Batch$/.test(hook) ? `${line} ${hex(loss)}` : line);
  };
}

function hex(tensor: tf.Tensor): string {
  return new Uint8Array(tensor.dataSync().slice().buffer).toHex();
}

/** Runs the training, from a checkpoint if one is given, and disposes everything. */
export async function exactRun(
  options: { optimizer: string; from?: string; callbacks?: Callback[]; log?: Log },
): Promise<{ lines: string[]; weights: string[]; result: string }> {
  const { optimizer: name, from, callbacks = [], log = new Log() } = options;
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 6, inputShape: [3], activation: "relu" }),
        tf.layers.batchNormalization(),
        tf.layers.dropout({ rate: 0.3 }),
        tf.layers.gaussianNoise({ stddev: 0.1 }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const random = keyedRandom(7);
  const dataset = new TensorDataset({
    data: { values: Float32Array.from({ length: 60 }, random), shape: [20, 3] },
    labels: {
      values: Int32Array.from({ length: 20 }, () => Math.floor(random() * 2)),
      shape: [20],
    },
  });
  const validation = new DataLoader({ dataset, batchSize: 12 });
  const optimizer = OPTIMIZERS[name]();
  const [recorder, matrix] = [new Recorder({ samples: 5 }), new ConfusionMatrix()];
  const patience = new EarlyStopping({ patience: 1, minDelta: 100, restoreBest: true });
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: (predictions, labels) => crossEntropy(predictions, labels),
    dataloaders: {
      train: new DataLoader({ dataset, batchSize: 6, shuffle: true }),
      validation,
      test: validation,
    },
    callbacks: [
      new MixUp(),
      new LearningRateSchedule(schedules.oneCycle(0.05), {
        by: name === "sgd" ? "epoch" : "batch",
      }),
      new GradientAccumulation(3),
      new GradientClip({ norm: 0.5 }),
      new WeightAverage({ decay: 0.9 }),
      new Metrics({ accuracy, area: rocAuc(), f1: f1() }),
      patience,
      recorder,
      matrix,
      log,
      ...callbacks,
    ],
    seed: 42,
  });
  const result = await learner.train(from ? { from } : { epochs: 3 });
  const { batches, epochs, test } = recorder.history;
  const seen = {
    result,
    rate: learner.learningRate,
    best: [patience.best, patience.bestEpoch],
    counts: matrix.counts,
    batches: batches.map((record) => ({ ...record, seconds: undefined })),
    epochs: epochs.map((record) => ({ ...record, seconds: undefined })),
    test,
  };
  const weights = model.getWeights().map(hex);
  optimizer.dispose();
  model.dispose();
  dataset[Symbol.dispose]();
  return { lines: log.lines, weights, result: JSON.stringify(seen) };
}

if (import.meta.main) {
  const [prefer, optimizer, ...paths] = Deno.args;
  await selectBackend({ prefer: prefer as "cpu", quiet: true });
  const runs = [];
  for (const from of paths) runs.push(await exactRun({ optimizer, from }));
  console.log(JSON.stringify(runs));
}
