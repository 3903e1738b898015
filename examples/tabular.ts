/**
 * Birds that hit aircraft: whether the aircraft is damaged, from a table of mixed columns.
 *
 *     deno run -A --no-lock examples/tabular.ts
 *
 * The encoder of the table learns from the training part alone and is saved with the model. A second
 * process loads both and predicts one row:
 *
 *     deno run -A --no-lock examples/tabular.ts runs/birds '{"Wildlife Size": "Large", …}'
 *
 * The table is from the FAA Wildlife Strike Database, in the package vega-datasets.
 *
 * @module
 */
import text from "npm:vega-datasets@2.11.0/data/birdstrikes.csv" with { type: "text" };
import {
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  selectBackend,
  tf,
  withSeed,
} from "../mod.ts";
import {
  type CsvTable,
  dateParts,
  numeric,
  oneHot,
  ordinal,
  parseCsv,
  splitTable,
  tableDataset,
  TableEncoder,
} from "../data.ts";
import { exportModel, fileHandler } from "../io.ts";
import { f1, precision, recall, rocAuc } from "../metrics.ts";

/** The kind of each column; the costs of a strike are left out, as they are no part of it. */
const COLUMNS = {
  "Wildlife Size": ordinal(["Small", "Medium", "Large"]),
  "Speed IAS in knots": numeric(),
  "Phase of flight": oneHot(),
  "Time of day": oneHot(),
  "Wildlife Species": oneHot({ minCount: 20 }),
  "Aircraft Make Model": oneHot({ minCount: 50 }),
  "Origin State": oneHot({ minCount: 50 }),
  "Flight Date": dateParts(["days", "month", "weekday"]),
};

const DAMAGE = "Effect Amount of damage";
const CLASSES = ["no", "yes"];

/** Reads the table, with a column that says whether there was damage. */
export function readStrikes(): CsvTable {
  const { columns, rows, lines } = parseCsv(text);
  const damage = columns.indexOf(DAMAGE);
  return {
    columns: [...columns, "damaged"],
    rows: rows.map((row) => [...row, row[damage] === "None" ? "no" : "yes"]),
    lines,
  };
}

/**
 * Trains on 70 % of the table, and saves model and encoder.
 *
 * @param table The table.
 * @param folder Where to save them.
 * @param epochs Number of epochs.
 * @returns The metrics of the test.
 */
export async function trainOnStrikes(
  table: CsvTable,
  folder: string,
  epochs: number = 12,
): Promise<Record<string, number>> {
  const parts = splitTable(table, [0.7, 0.15, 0.15], { seed: 1, stratify: "damaged" });
  const encoder = TableEncoder.fit(parts[0], COLUMNS);
  const labels = { labels: "damaged", classes: CLASSES };
  const [train, validation, test] = parts.map((part) => tableDataset(part, encoder, labels));
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 32, activation: "relu", inputShape: [encoder.features.length] }),
        tf.layers.dropout({ rate: 0.3 }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const learner = new Learner({
    model,
    optimizer: adam(0.003),
    lossFunction: (predictions: tf.Tensor, labels: tf.Tensor) =>
      crossEntropy(predictions, labels, { classWeights: [1, 4] }),
    dataloaders: {
      train: new DataLoader({ dataset: train, batchSize: 64, shuffle: true }),
      validation: new DataLoader({ dataset: validation, batchSize: 512 }),
      test: new DataLoader({ dataset: test, batchSize: 512 }),
    },
    callbacks: [
      new Metrics({ precision: precision(), recall: recall(), f1: f1(), rocAuc: rocAuc() }, {
        phases: ["test"],
      }),
    ],
    seed: 1,
  });
  try {
    const { metrics } = await learner.train({ epochs });
    encoder.attachTo(model);
    await exportModel(model, folder);
    return metrics;
  } finally {
    model.dispose();
    learner.optimizer.dispose();
  }
}

/**
 * Predicts one row with a model that was saved with its encoder.
 *
 * @returns The probability of damage.
 */
export async function predictStrike(folder: string, row: Record<string, string>): Promise<number> {
  const model = await tf.loadLayersModel(fileHandler(folder));
  const learner = new Learner({ model, optimizer: adam(), lossFunction: crossEntropy });
  const logits = await learner.predict([row]);
  const [[, probability]] = tf.tidy(() => tf.softmax(logits).arraySync() as number[][]);
  logits.dispose();
  model.dispose();
  return probability;
}

if (import.meta.main) {
  await selectBackend();
  const [folder = "runs/birds", row] = Deno.args;
  if (row) {
    const probability = await predictStrike(folder, JSON.parse(row));
    console.log(`damage: ${(100 * probability).toFixed(0)} %`);
  } else {
    const table = readStrikes();
    const metrics = await trainOnStrikes(table, folder);
    const names = ["precision", "recall", "f1", "rocAuc"];
    const results = names.map((name) => `${name} ${metrics[`test.${name}`].toFixed(3)}`);
    console.log(`test: ${results.join(", ")}`);
    const record = Object.fromEntries(table.columns.map((name, i) => [name, table.rows[0][i]]));
    const example = JSON.stringify({ ...record, "Wildlife Size": "Large" });
    console.log(`saved in ${folder}; this asks for the damage of one strike:\n`);
    console.log(`deno run -A --no-lock examples/tabular.ts ${folder} '${example}'`);
  }
}
