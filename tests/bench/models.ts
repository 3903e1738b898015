import { adam, crossEntropy, Learner, tf, withSeed } from "../../mod.ts";

/** A model to measure, and the shape of one example. */
export interface Measured {
  shape: number[];
  classes: number;
  batch: number;
  build(): tf.Sequential;
}

const { conv2d, dense, flatten, maxPooling2d } = tf.layers;

/** The models that the benchmarks train, all of unchanged `tf.layers`. */
export const models: Record<string, Measured> = {
  mlp: {
    shape: [784],
    classes: 10,
    batch: 64,
    build: () =>
      tf.sequential({
        layers: [
          dense({ inputShape: [784], units: 256, activation: "relu" }),
          dense({ units: 128, activation: "relu" }),
          dense({ units: 10 }),
        ],
      }),
  },
  cnn: {
    shape: [28, 28, 1],
    classes: 10,
    batch: 64,
    build: () =>
      tf.sequential({
        layers: [
          conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: "relu" }),
          maxPooling2d({ poolSize: 2 }),
          conv2d({ filters: 64, kernelSize: 3, activation: "relu" }),
          maxPooling2d({ poolSize: 2 }),
          flatten(),
          dense({ units: 128, activation: "relu" }),
          dense({ units: 10 }),
        ],
      }),
  },
  tiny: {
    shape: [4],
    classes: 2,
    batch: 8,
    build: () =>
      tf.sequential({
        layers: [
          dense({ inputShape: [4], units: 8, activation: "relu" }),
          dense({ units: 8, activation: "relu" }),
          dense({ units: 2 }),
        ],
      }),
  },
};

/** A batch of a model: variables, which a Learner never disposes, so that no time goes into batches. */
export function batchOf({ shape, classes, batch }: Measured): [data: tf.Tensor, labels: tf.Tensor] {
  const labels = tf.tensor1d(Array.from({ length: batch }, (_, i) => i % classes), "int32");
  return [
    tf.variable(tf.randomNormal([batch, ...shape]), false),
    tf.variable(labels, false),
  ];
}

/** A Learner, and a function that trains it by some steps and returns the time of them, in ms. */
export interface Training {
  readonly learner: Learner;
  train(steps: number): Promise<number>;
}

/** Prepares the training of a model on one batch. */
export function prepareTraining(name: string, compile?: false): Training {
  const batch = batchOf(models[name]);
  let count = 0;
  const learner = new Learner({
    model: withSeed(1, models[name].build),
    optimizer: adam(1e-3),
    lossFunction: crossEntropy,
    dataloaders: {
      *train(): Iterable<[tf.Tensor, tf.Tensor]> {
        for (let step = 0; step < count; step++) yield batch;
      },
    },
    compile,
  });
  return {
    learner,
    async train(steps) {
      count = steps;
      const began = performance.now();
      await learner.train();
      return performance.now() - began;
    },
  };
}
