/**
 * Trains a classifier on the whole of MNIST: `deno task mnist --help`.
 *
 * @module
 */
import {
  accuracy,
  adam,
  type BackendName,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  ProgressBar,
  Recorder,
  selectBackend,
  split,
  subset,
  tf,
  withSeed,
} from "../mod.ts";
import { ActivationStats, ConfusionMatrix, LearningRateFinder, Timer } from "../callbacks.ts";
import { writeReport } from "../plots.ts";
import { datasetOf, loadMnist } from "./mnist/load_mnist.ts";
import { mnistFolder } from "./mnist/mnist_folder.ts";
import { type MnistOptions, parseMnistOptions } from "./mnist/mnist_options.ts";

/** A small network of three dense layers. */
function mlp(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [28, 28, 1] }),
      tf.layers.dense({ units: 256, activation: "relu" }),
      tf.layers.dense({ units: 128, activation: "relu" }),
      tf.layers.dense({ units: 10 }),
    ],
  });
}

/** Two convolutions with pooling, then two dense layers. */
function cnn(): tf.LayersModel {
  const convolution = { kernelSize: 3, activation: "relu", padding: "same" } as const;
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ ...convolution, filters: 32, inputShape: [28, 28, 1] }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ ...convolution, filters: 64 }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 128, activation: "relu" }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 10 }),
    ],
  });
}

async function main(options: MnistOptions): Promise<number> {
  const { name: backend } = await selectBackend({ prefer: options.backend as BackendName });
  const files = await loadMnist(options.data ?? await mnistFolder());
  const { batchSize, seed } = options;
  const all = datasetOf(files.train);
  const known = options.limit ? subset(all, { end: options.limit }) : all;
  const held = Math.round(known.length / 12);
  const [train, validation] = split(known, [known.length - held, held], { seed });
  const test = datasetOf(files.test);

  const recorder = new Recorder();
  const confusion = new ConfusionMatrix();
  const activations = new ActivationStats();
  const finder = new LearningRateFinder();
  const timer = new Timer();
  const seeing = options.report ? [recorder, confusion, activations, timer] : [];
  const learner = new Learner({
    model: withSeed(seed, options.model === "cnn" ? cnn : mlp),
    optimizer: adam(options.learningRate),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({ dataset: train, batchSize, shuffle: true }),
      validation: new DataLoader({ dataset: validation, batchSize: 500 }),
      test: new DataLoader({ dataset: test, batchSize: 500 }),
    },
    callbacks: [new Metrics({ accuracy }), new ProgressBar(), ...seeing],
    seed,
  });

  if (options.report) await finder.find(learner);
  // The first Ctrl-C ends the training, and the test still runs; the next one cuts that short too.
  const interrupt = () => {
    if (!learner.cancel("train", "interrupted")) Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  const { status, metrics } = await learner.train({ epochs: options.epochs });
  Deno.removeSignalListener("SIGINT", interrupt);

  if (options.report) {
    await writeReport(options.report, {
      title: `MNIST, ${options.model}`,
      settings: settingsOf(options, backend),
      results: { status, ...metrics },
      pictures: {
        Training: recorder.plot(),
        "Learning rate": finder.plot(),
        ...confusion.counts.length > 0 && { "Confusion matrix": confusion.plot() },
        ...activations.records.length > 0 && { Activations: activations.plot() },
      },
      texts: { Model: learner.summary(), Time: timer },
    });
    console.log(`report: ${options.report}`);
  }
  console.log(`test accuracy: ${metrics["test.accuracy"]?.toFixed(4) ?? "unknown"}`);
  return status === "cancelled" ? 130 : 0;
}

/** The settings of the run, with the defaults that were used. */
function settingsOf({ report: _, data, limit, ...options }: MnistOptions, backend: string) {
  return { ...options, data: data ?? "MNIST from npm", limit: limit ?? "all", backend };
}

if (import.meta.main) {
  const options = parseMnistOptions(Deno.args);
  if (typeof options === "string") console.log(options);
  else Deno.exit(await main(options));
}
