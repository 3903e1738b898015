import { tf } from "../../mod.ts";

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
