/**
 * Trains a small generative adversarial network on the digits of MNIST, and prints what it draws.
 * With `--penalty`, it is a Wasserstein network with a gradient penalty, whose critic is trained five
 * times as often as its generator.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  adam,
  DataLoader,
  Learner,
  ProgressBar,
  selectBackend,
  subset,
  tf,
  withSeed,
} from "../mod.ts";
import { datasetOf, loadMnist } from "./mnist/load_mnist.ts";
import { mnistFolder } from "./mnist/mnist_folder.ts";

const NOISE = 32;
const PIXELS = 28 * 28;

/** Two networks of dense layers: `[batch, 32]` to `[batch, 784]`, and that to `[batch, 1]`. */
function networks(): { generator: tf.LayersModel; critic: tf.LayersModel } {
  const hidden = (units: number, inputShape?: number[]) => [
    tf.layers.dense({ units, inputShape }),
    tf.layers.leakyReLU({ alpha: 0.2 }),
  ];
  return {
    generator: tf.sequential({
      layers: [
        ...hidden(128, [NOISE]),
        ...hidden(256),
        tf.layers.dense({ units: PIXELS, activation: "sigmoid" }),
      ],
    }),
    critic: tf.sequential({
      layers: [...hidden(256, [PIXELS]), ...hidden(128), tf.layers.dense({ units: 1 })],
    }),
  };
}

/** The loss of a judgement, as logits, that is meant to be "real" (1) or "drawn" (0). */
function judged(logits: tf.Tensor, real: 0 | 1): tf.Tensor {
  return tf.losses.sigmoidCrossEntropy(tf.fill(logits.shape, real), logits);
}

/** Prints images side by side, two rows of pixels to a line. */
function print(images: tf.Tensor): void {
  const values = images.reshape([-1, 28, 28]).arraySync() as number[][][];
  for (let row = 0; row < 28; row += 2) {
    console.log(
      values.map((image) =>
        image[row].map((value, column) => {
          const ink = (value + image[row + 1][column]) / 2;
          return " .:+#@"[Math.min(5, Math.floor(6 * ink))];
        }).join("")
      ).join(" "),
    );
  }
}

async function main(
  { penalty, epochs, examples }: { penalty: boolean; epochs: number; examples: number },
): Promise<void> {
  await selectBackend();
  const { train } = await loadMnist(await mnistFolder());
  const all = datasetOf(train);
  const dataset = subset(all, { end: Math.min(examples, all.length) });
  const { generator, critic } = withSeed(1, networks);

  const flat = (images: tf.Tensor) => images.reshape([-1, PIXELS]);
  const draw = (count: number) => generator.apply(tf.randomNormal([count, NOISE])) as tf.Tensor;
  const judge = (images: tf.Tensor) => critic.apply(images) as tf.Tensor;

  /** Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028. */
  const slopePenalty = (real: tf.Tensor, drawn: tf.Tensor): tf.Tensor => {
    const share = tf.randomUniform([real.shape[0], 1]);
    const between = real.mul(share).add(drawn.mul(tf.sub(1, share)));
    const slope = tf.grad((images) => judge(images).sum())(between);
    return slope.square().sum(1).add(1e-12).sqrt().sub(1).square().mean().mul(10);
  };

  const rates: [number, { beta1: number; beta2?: number }] = penalty
    ? [2e-4, { beta1: 0, beta2: 0.9 }]
    : [2e-4, { beta1: 0.5 }];
  const learner = new Learner({
    objectives: {
      critic: {
        variables: critic,
        optimizer: adam(...rates),
        predict: ({ data, batchSize }) => ({ real: flat(data), drawn: draw(batchSize) }),
        loss({ real, drawn }: { real: tf.Tensor; drawn: tf.Tensor }) {
          if (!penalty) return judged(judge(real), 1).add(judged(judge(drawn), 0));
          return judge(drawn).mean().sub(judge(real).mean()).add(slopePenalty(real, drawn));
        },
      },
      generator: {
        variables: generator,
        optimizer: adam(...rates),
        predict: ({ batchSize }) => judge(draw(batchSize)),
        loss: (logits: tf.Tensor) => penalty ? logits.mean().neg() : judged(logits, 1),
        every: penalty ? 5 : 1,
      },
    },
    dataloaders: {
      train: new DataLoader({ dataset, batchSize: 64, shuffle: true }),
    },
    callbacks: [
      new ProgressBar(),
      {
        name: "Samples",
        afterEpoch: () => tf.tidy(() => withSeed(2, () => print(draw(2)))),
      },
    ],
    seed: 3,
  });
  const { status } = await learner.train({ epochs });
  if (status === "cancelled") Deno.exit(130);
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      penalty: { type: "boolean", default: false },
      epochs: { type: "string", default: "10" },
      examples: { type: "string", default: "60000" },
    },
  });
  await main({
    penalty: values.penalty,
    epochs: Number(values.epochs),
    examples: Number(values.examples),
  });
}
