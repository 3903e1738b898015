import { assertLessOrEqual } from "@std/assert";
import { crossEntropy, Learner, meanSquaredError, sgd, tf, withSeed } from "../../mod.ts";
import type { CallbackLike, LearnerOptions } from "../../mod.ts";

/** Points on a line, `count` of them from `from` on, with one outlier in each batch. */
export function line(from: number, count: number): [data: tf.Tensor, labels: tf.Tensor] {
  const x = Array.from({ length: count }, (_, index) => (from + index) / 8);
  return [
    tf.tensor2d(x, [count, 1]),
    tf.tensor2d(x.map((x) => 2 * x + Math.sin(9 * x)), [count, 1]),
  ];
}

/** The same, as images of one colour. */
function collage(from: number, count: number): [data: tf.Tensor, labels: tf.Tensor] {
  const [data, labels] = line(from, count);
  const images = tf.tidy(() => tf.tile(data.reshape([count, 1, 1, 1]), [1, 4, 4, 1]));
  data.dispose();
  return [images, labels];
}

/** The same numbers, each of one of three classes. */
function classified(from: number, count: number): [data: tf.Tensor, labels: tf.Tensor] {
  const [data, labels] = line(from, count);
  labels.dispose();
  const classes = Array.from({ length: count }, (_, index) => (from + index) % 3);
  return [data, tf.tensor1d(classes, "int32")];
}

/** What is not as usual. */
export interface TinyOptions extends Partial<LearnerOptions> {
  /** Whether the data are images, `[batch, 4, 4, 1]`. Default: numbers, `[batch, 1]`. */
  images?: boolean;
  /** Whether labels are classes, `[batch] int32`. Default: numbers, `[batch, 1]`. */
  classes?: boolean;
  /** Of the model. */
  layers?: () => tf.layers.Layer[];
}

/** What a {@linkcode tiny} learner is made of, with all that is to be disposed afterwards. */
export interface Tiny {
  learner: Learner;
  model: tf.LayersModel;
  /** Disposes all of it; then no tensor may be left that was not there before. */
  dispose(): void;
}

/** A learner of one weight and one bias: 4 batches to train, 2 to validate, 1 to test. */
export function tiny(
  callbacks: CallbackLike[] = [],
  options: TinyOptions = {},
): Tiny {
  const { layers, images, classes, ...rest } = options;
  const { numTensors } = tf.memory();
  const batch = images ? collage : classes ? classified : line;
  const model = withSeed(1, () =>
    tf.sequential({
      layers: layers?.() ?? [
        ...images ? [tf.layers.flatten({ inputShape: [4, 4, 1] })] : [],
        tf.layers.dense({ units: classes ? 3 : 1, inputShape: [images ? 16 : 1] }),
      ],
    }));
  const train = [batch(0, 2), batch(2, 2), batch(4, 2), batch(6, 2)];
  const validation = [batch(8, 2), batch(10, 2)];
  const test = [batch(12, 2)];
  const optimizer = rest.optimizer ?? sgd(0.05, { momentum: 0.5 });
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: classes ? crossEntropy : meanSquaredError,
    dataloaders: { train, validation, test },
    callbacks,
    seed: 7,
    ...rest,
  });
  return {
    learner,
    model,
    dispose() {
      model.dispose();
      optimizer.dispose();
      tf.dispose([train, validation, test]);
      assertLessOrEqual(tf.memory().numTensors, numTensors, "tensors are left");
    },
  };
}

/** All weights of a model, as one list of numbers. */
export function numbersOf(model: tf.LayersModel): number[] {
  return model.weights.flatMap((weight) => [...weight.read().dataSync()]);
}

/** What a checkpoint makes of a callback's state: the same, in tensors of its own. */
export function copyOf(state: unknown): unknown {
  if (state instanceof tf.Tensor) return tf.tensor(state.dataSync(), state.shape, state.dtype);
  if (Array.isArray(state)) return state.map(copyOf);
  if (typeof state !== "object" || state === null) return state;
  return Object.fromEntries(Object.entries(state).map(([name, part]) => [name, copyOf(part)]));
}
