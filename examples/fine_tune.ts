/**
 * Fine-tunes a MobileNetV2 from npm on 500 images, and trains the same network from scratch on them.
 *
 *     deno run -A --no-lock examples/fine_tune.ts --help
 *
 * The body was trained on photographs. It gets a new head, which is trained alone at first; then
 * everything is trained, with rates that fall from the head to the first layer.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  accuracy,
  adam,
  type CallbackLike,
  crossEntropy,
  DataLoader,
  type Dataset,
  Learner,
  LearningRateSchedule,
  Metrics,
  ProgressBar,
  selectBackend,
  subset,
  tf,
  withSeed,
} from "../mod.ts";
import { fineTune, schedules, TransformBatch } from "../callbacks.ts";
import { loadMobileNet } from "./fine_tune/load_mobile_net.ts";
import { datasetOf, loadMnist } from "./mnist/load_mnist.ts";
import { mnistFolder } from "./mnist/mnist_folder.ts";

/** Options of {@linkcode trainNetwork}. */
export interface NetworkOptions {
  /** Whether to begin with the weights of the package. */
  pretrained: boolean;
  /** Number of epochs in which all is trained, after 2 of the head alone. Default: 6. */
  epochs?: number;
  /** Height and width to which images are enlarged, in pixels, a multiple of 16. Default: 48. */
  size?: number;
  /** The seed of weights and shuffling. Default: 1. */
  seed?: number;
  /** More callbacks. Default: none. */
  callbacks?: CallbackLike[];
}

/** Trains on gray images, `data: [batch, 28, 28, 1]`, and returns the accuracy of the test. */
export async function trainNetwork(
  { train, test }: { train: Dataset; test: Dataset },
  { pretrained, epochs = 6, size = 48, seed = 1, callbacks = [] }: NetworkOptions,
): Promise<number> {
  const body = await loadMobileNet(size);
  const model = withSeed(seed, () => {
    const pooled = tf.layers.globalAveragePooling2d({}).apply(body.outputs[0]);
    const logits = tf.layers.dense({ name: "head", units: 10 }).apply(pooled);
    return tf.model({ inputs: body.inputs, outputs: logits as tf.SymbolicTensor });
  });
  for (const layer of body.layers) {
    if (layer.getClassName() !== "BatchNormalization") continue;
    // The statistics of many photographs are better than those of 500 images.
    if (pretrained) layer.trainable = false;
    else Object.assign(layer, { momentum: 0.9 }); // 0.999 needs thousands of steps
  }
  if (!pretrained) withSeed(seed, () => forget(body));
  const learner = new Learner({
    model,
    optimizer: adam(0.01),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({ dataset: train, batchSize: 25, shuffle: true }),
      test: new DataLoader({ dataset: test, batchSize: 100 }),
    },
    callbacks: [
      new Metrics({ accuracy }, { phases: ["train", "test"] }),
      new TransformBatch(({ data }) => ({ data: enlarge(data, size) }), {
        phases: ["train", "validation", "test"],
      }),
      ...callbacks,
    ],
    seed,
  });
  try {
    const { status, metrics } = pretrained
      ? await fineTune(learner, { epochs, frozenEpochs: 2, learningRate: 0.01 })
      : await learner.train({
        epochs: epochs + 2,
        callbacks: [new LearningRateSchedule(schedules.oneCycle(0.01))],
      });
    if (status === "cancelled") Deno.exit(130);
    return metrics["test.accuracy"];
  } finally {
    model.dispose();
    learner.optimizer.dispose();
  }
}

/** Draws all weights again. */
function forget(model: tf.LayersModel): void {
  for (const layer of model.layers) {
    const values = layer.weights.map(({ originalName, shape }) => {
      if (/gamma|variance/.test(originalName)) return tf.ones(shape as number[]);
      if (/beta|mean|bias/.test(originalName)) return tf.zeros(shape as number[]);
      return tf.initializers.heNormal({}).apply(shape as number[]);
    });
    layer.setWeights(values);
    tf.dispose(values);
  }
}

/** Gray images as larger ones of three colours. */
function enlarge(images: tf.Tensor, size: number): tf.Tensor {
  return tf.image.resizeBilinear(images as tf.Tensor4D, [size, size]).tile([1, 1, 1, 3]);
}

const HELP = `Usage: deno run -A --no-lock examples/fine_tune.ts [options]

  --data DIR   a folder of IDX files, gzipped or not  (MNIST from npm)
  --images N   number of training images              (500)
  --tests N    number of test images                  (1000)
  --seeds N    how often to compare                   (1)
  --help       this text`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      images: { type: "string", default: "500" },
      tests: { type: "string", default: "1000" },
      seeds: { type: "string", default: "1" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    Deno.exit();
  }
  await selectBackend();
  const files = await loadMnist(values.data ?? await mnistFolder());
  const images = {
    train: subset(datasetOf(files.train), { end: Number(values.images) }),
    test: subset(datasetOf(files.test), { end: Number(values.tests) }),
  };
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const callbacks = [new ProgressBar()];
    console.log(`seed ${seed}, a trained network with a new head`);
    const tuned = await trainNetwork(images, { pretrained: true, seed, callbacks });
    console.log(`seed ${seed}, the same network from scratch`);
    const scratch = await trainNetwork(images, { pretrained: false, seed, callbacks });
    console.log(
      `seed ${seed}  fine-tuned ${tuned.toFixed(3)}  from scratch ${scratch.toFixed(3)}`,
    );
  }
}
