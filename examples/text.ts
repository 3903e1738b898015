/**
 * Spam, by a recurrent network that reads the words of a mail in order.
 *
 *     deno run -A --no-lock examples/text.ts
 *
 * Batches have mails of similar length, padded to the longest; the network passes over the padding.
 * The mail is from the public corpus of SpamAssassin, 2002 and 2003.
 *
 * @module
 */
import {
  accuracy,
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  ProgressBar,
  selectBackend,
  split,
  tf,
  withSeed,
} from "../mod.ts";
import { precision, recall } from "../metrics.ts";
import { padTokens, Vocabulary, wordTokens } from "../text.ts";
import { type Message, readMail } from "./imbalanced.ts";

/** Options of {@linkcode trainReader}. */
export interface ReaderOptions {
  /** Number of epochs. Default: 4. */
  epochs?: number;
  /** Number of words of a mail that are read. Default: 60. */
  length?: number;
  /** Whether to draw a progress bar. Default: `false`. */
  progress?: boolean;
}

/** Trains on 70 % of the mail, and returns the metrics of the test. */
export async function trainReader(
  mail: readonly Message[],
  { epochs = 4, length = 60, progress = false }: ReaderOptions = {},
): Promise<Record<string, number>> {
  const texts = mail.map(({ words }) => wordTokens(words.join(" ")).slice(0, length));
  const indices = { length: mail.length, batch: (indices: Int32Array) => indices };
  const kinds = mail.map(({ spam }) => Number(spam));
  const parts = split(indices, [0.7, 0.3], { seed: 1, stratify: kinds })
    .map((
      part,
    ) => [...part.batch(Int32Array.from({ length: part.length }, (_, i) => i)) as Int32Array]);
  // The vocabulary is that of the training part alone.
  const vocabulary = Vocabulary.from(parts[0].map((index) => texts[index]), { maxSize: 4000 });
  const loaderOf = (part: number[], batchSize: number, shuffle: boolean) =>
    new DataLoader({
      dataset: part,
      collate: (examples: number[]) => {
        const { tokens, mask } = padTokens(examples.map((i) => vocabulary.encode(texts[i])), {
          multipleOf: 10,
        });
        mask.dispose(); // the embedding makes its own of the zeros
        return { x: tokens, y: tf.tensor1d(examples.map((i) => kinds[i]), "int32") };
      },
      lengths: part.map((index) => texts[index].length),
      batchSize,
      shuffle,
    });
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.embedding({
          inputDim: vocabulary.size,
          outputDim: 16,
          maskZero: true,
          batchInputShape: [null, null],
        }),
        tf.layers.gru({ units: 16 }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const learner = new Learner({
    model,
    optimizer: adam(0.01),
    lossFunction: crossEntropy,
    dataloaders: { train: loaderOf(parts[0], 32, true), test: loaderOf(parts[1], 128, false) },
    callbacks: [
      new Metrics({ accuracy, precision: precision(), recall: recall() }, { phases: ["test"] }),
      ...progress ? [new ProgressBar()] : [],
    ],
    seed: 1,
  });
  try {
    return (await learner.train({ epochs })).metrics;
  } finally {
    model.dispose();
    learner.optimizer.dispose();
  }
}

if (import.meta.main) {
  await selectBackend();
  await trainReader(readMail(), { progress: true });
}
