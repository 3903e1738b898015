/**
 * A program in TypeScript with strict settings, for the types of the package.
 *
 * @module
 */
import {
  accuracy,
  adam,
  Callback,
  CancelTrain,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  selectBackend,
  TensorDataset,
  tf,
  type TrainResult,
} from "@trainchart/trainchart";
import { CsvLogger, schedules } from "@trainchart/trainchart/callbacks";
import { learnerMachine } from "@trainchart/trainchart/chart";
import { readCsv } from "@trainchart/trainchart/data";
import * as distributed from "@trainchart/trainchart/distributed";
import * as images from "@trainchart/trainchart/images";
import * as inspect from "@trainchart/trainchart/inspect";
import { DTYPES, writeSafetensors } from "@trainchart/trainchart/io";
import { LivePage } from "@trainchart/trainchart/live";
import * as metrics from "@trainchart/trainchart/metrics";
import * as plots from "@trainchart/trainchart/plots";
import { cosine } from "@trainchart/trainchart/schedules";
import { choice, sweep } from "@trainchart/trainchart/sweep";
import * as text from "@trainchart/trainchart/text";

class Stop extends Callback {
  override afterEpoch(learner: { epoch: number }): void {
    if (learner.epoch > 3) throw new CancelTrain("enough");
  }
}

const { name } = await selectBackend({ quiet: true });
const dataset = new TensorDataset({ data: tf.zeros([4, 2]), labels: tf.zeros([4], "int32") });
const learner = new Learner({
  model: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] }),
  optimizer: adam(0.1),
  lossFunction: crossEntropy,
  dataloaders: { train: new DataLoader({ dataset, batchSize: 2 }) },
  callbacks: [new Stop(), new Metrics({ accuracy }), new CsvLogger("run.csv"), new LivePage()],
});
const result: TrainResult = await learner.train({ epochs: 2 });
const status: "completed" | "cancelled" = result.status;
const bytes: Float32Array = new DTYPES.F32(2);
await writeSafetensors("x.safetensors", new Map());
console.log(name, status, bytes, learnerMachine.config, readCsv, cosine, schedules.cosine);
console.log(distributed, images, inspect, metrics, plots, text);
await sweep({ space: { rate: choice([1, 2]) }, objective: ({ parameters }) => parameters.rate });

// @ts-expect-error: a misspelt option
new Learner({ models: learner.model });
// @ts-expect-error: a misspelt option
await learner.train({ epoch: 2 });
