/**
 * Searches for a good network for MNIST, with Hyperband: on all cores, or on many machines.
 *
 *     deno run -A examples/sweep.ts
 *     deno run -A examples/sweep.ts --quick              few images, within a minute
 *     deno run -A examples/sweep.ts --nats nats://host   workers pull trials from this server
 *     deno run -A examples/sweep.ts --nats nats://host --worker
 *
 * @module
 */
import {
  accuracy,
  adamW,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  selectBackend,
  split,
  subset,
  TensorDataset,
  tf,
  withSeed,
} from "../mod.ts";
import { choice, integer, logUniform, sweep, uniform } from "../sweep.ts";
import { loadMnist } from "./mnist/load_mnist.ts";
import { mnistFolder } from "./mnist/mnist_folder.ts";

const quick = Deno.args.includes("--quick");

/** Loads the data, once in each worker; the driver does not need it. */
async function prepare() {
  await selectBackend();
  const { train: { images, labels } } = await loadMnist(await mnistFolder());
  const data = { ...images, shape: [...images.shape, 1], scale: 1 / 255 };
  const all = new TensorDataset({ data, labels });
  return split(quick ? subset(all, { end: 1200 }) : all, [5 / 6, 1 / 6], { seed: 42 });
}
let prepared: ReturnType<typeof prepare> | undefined;

const { best } = await sweep({
  folder: quick ? "sweep-mnist-quick" : "sweep-mnist",
  space: {
    learningRate: logUniform(1e-4, 3e-2),
    units: integer(32, 512, { log: true }),
    layers: choice([1, 2, 3]),
    activation: choice(["relu", "elu", "tanh"]),
    dropout: uniform(0, 0.5),
    batchSize: choice([32, 64, 128, 256]),
  },
  algorithm: "hyperband",
  epochs: quick ? 3 : 9,
  trials: quick ? 4 : undefined,
  monitor: "validation.accuracy",
  seed: 42,

  async objective(trial) {
    const [train, validation] = await (prepared ??= prepare());
    const { learningRate, units, layers, activation, dropout, batchSize } = trial.parameters;
    const hidden = () => [
      tf.layers.dense({ units, activation }),
      tf.layers.dropout({ rate: dropout }),
    ];
    const model = withSeed(trial.seed, () =>
      tf.sequential({
        layers: [
          tf.layers.flatten({ inputShape: [28, 28, 1] }),
          ...Array.from({ length: layers }, hidden).flat(),
          tf.layers.dense({ units: 10 }),
        ],
      }));
    const optimizer = adamW(learningRate);
    const learner = new Learner({
      model,
      optimizer,
      lossFunction: crossEntropy,
      dataloaders: {
        train: new DataLoader({ dataset: train, batchSize, shuffle: true }),
        validation: new DataLoader({ dataset: validation, batchSize: 500 }),
      },
      callbacks: [new Metrics({ accuracy }), trial],
      seed: trial.seed,
    });
    try {
      return await learner.train({ epochs: trial.epochs });
    } finally {
      model.dispose();
      optimizer.dispose();
    }
  },
});

console.log(`best: trial ${best?.trial}, validation accuracy ${best?.value.toFixed(4)}`);
