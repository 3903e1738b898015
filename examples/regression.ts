/**
 * From a JSON file to a fitted model to a picture: how heavy is a penguin?
 *
 *     deno run -A --no-lock examples/regression.ts [PICTURE.svg]
 *
 * @module
 */
import penguins from "npm:vega-datasets@2.11.0/data/penguins.json" with { type: "json" };
import {
  adam,
  DataLoader,
  Learner,
  meanSquaredError,
  Metrics,
  Recorder,
  selectBackend,
  split,
  TensorDataset,
  tf,
  withSeed,
} from "../mod.ts";
import { meanAbsoluteError, rSquared } from "../metrics.ts";
import { Picture, type Plot } from "../plots.ts";

const NUMBERS = ["Beak Length (mm)", "Beak Depth (mm)", "Flipper Length (mm)"] as const;
const SPECIES = ["Adelie", "Chinstrap", "Gentoo"];

/** The result of the fit. */
export interface Fit {
  /** Error, R² and loss of the penguins that were kept apart. */
  metrics: Record<string, number>;
  /** The picture of the training. */
  history: Plot;
  /** Predicted against actual mass of the penguins that were kept apart. */
  scatter: Picture;
}

/** Fits the mass of a penguin, in kg, to its measures, species and sex. */
export async function fitPenguins({ epochs = 60 }: { epochs?: number } = {}): Promise<Fit> {
  const known = penguins.filter((penguin) =>
    NUMBERS.every((name) => penguin[name] !== null) && penguin["Body Mass (g)"] !== null &&
    ["MALE", "FEMALE"].includes(penguin.Sex!)
  );
  const columns = NUMBERS.map((name) => standardized(known.map((penguin) => penguin[name]!)));
  const features = known.map(({ Sex, Species }, row) => [
    ...columns.map((column) => column[row]),
    Sex === "MALE" ? 1 : 0,
    ...SPECIES.map((species) => Species === species ? 1 : 0),
  ]);
  const dataset = new TensorDataset({
    data: tf.tensor2d(features),
    labels: tf.tensor2d(known.map((penguin) => [penguin["Body Mass (g)"]! / 1000])),
  });
  const [train, test] = split(dataset, [0.8, 0.2], { seed: 1 });
  const held = new DataLoader({ dataset: test, batchSize: 32 });

  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 16, activation: "relu", inputShape: [features[0].length] }),
        tf.layers.dense({ units: 1 }),
      ],
    }));
  const recorder = new Recorder();
  const learner = new Learner({
    model,
    optimizer: adam(0.01),
    lossFunction: meanSquaredError,
    dataloaders: {
      train: new DataLoader({ dataset: train, batchSize: 16, shuffle: true }),
      validation: held,
      test: held,
    },
    callbacks: [new Metrics({ "error, kg": meanAbsoluteError, r2: rSquared() }), recorder],
    seed: 1,
  });
  const { metrics } = await learner.train({ epochs });

  const scatter = await scatterOf(learner, held);
  model.dispose();
  learner.optimizer.dispose();
  dataset.dispose();
  return { metrics, history: recorder.plot(), scatter };
}

/** Draws what is predicted against what is true. */
async function scatterOf(learner: Learner, loader: DataLoader): Promise<Picture> {
  const predictions = await learner.predict(loader);
  const predicted = await predictions.data();
  const actual: number[] = [];
  for (const { data, labels } of loader) {
    actual.push(...await labels.data());
    tf.dispose([data, labels]);
  }
  predictions.dispose();
  const values = actual.map((mass, row) => ({ actual: mass, predicted: predicted[row] }));
  const axis = (field: string) => ({
    field,
    type: "quantitative",
    title: `${field} mass, kg`,
    scale: { domain: [2.5, 6.5] },
  });
  const encoding = { x: axis("actual"), y: axis("predicted") };
  return new Picture({
    title: "Penguins that the model has never seen",
    width: 360,
    height: 360,
    layer: [
      {
        data: { values: [2.5, 6.5].map((mass) => ({ actual: mass, predicted: mass })) },
        mark: { type: "line", color: "#d0d7de" },
        encoding,
      },
      { data: { values }, mark: { type: "point", filled: true, size: 40, opacity: 0.7 }, encoding },
    ],
  });
}

function standardized(values: number[]): number[] {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return values.map((value) => (value - mean) / Math.sqrt(variance));
}

if (import.meta.main) {
  await selectBackend({ prefer: "cpu", quiet: true });
  const { metrics, scatter } = await fitPenguins();
  const [loss, error, r2] = ["loss", "error, kg", "r2"].map((name) =>
    metrics[`test.${name}`].toFixed(3)
  );
  console.log(`test: loss ${loss}, error ${error} kg, R² ${r2}`);
  if (Deno.args[0]) await scatter.save(Deno.args[0]);
}
