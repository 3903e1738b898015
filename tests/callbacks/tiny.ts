import { Learner, meanSquaredError, sgd, tf, withSeed } from "../../mod.ts";
import type { CallbackLike, LearnerOptions } from "../../mod.ts";

/** Points on a line, `count` of them from `from` on, with one outlier in each batch. */
export function line(from: number, count: number): [data: tf.Tensor, labels: tf.Tensor] {
  const x = Array.from({ length: count }, (_, index) => (from + index) / 8);
  return [
    tf.tensor2d(x, [count, 1]),
    tf.tensor2d(x.map((x) => 2 * x + Math.sin(9 * x)), [count, 1]),
  ];
}

/** What a {@linkcode tiny} learner is made of, with all that is to be disposed afterwards. */
export interface Tiny {
  learner: Learner;
  model: tf.LayersModel;
  dispose(): void;
}

/** A learner of one weight and one bias: 4 batches to train, 2 to validate, 1 to test. */
export function tiny(
  callbacks: CallbackLike[] = [],
  options: Partial<LearnerOptions> & { layers?: () => tf.layers.Layer[] } = {},
): Tiny {
  const { layers, ...rest } = options;
  const model = withSeed(1, () =>
    tf.sequential({
      layers: layers?.() ?? [tf.layers.dense({ units: 1, inputShape: [1] })],
    }));
  const train = [line(0, 2), line(2, 2), line(4, 2), line(6, 2)];
  const validation = [line(8, 2), line(10, 2)];
  const test = [line(12, 2)];
  const optimizer = rest.optimizer ?? sgd(0.05, { momentum: 0.5 });
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: meanSquaredError,
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
    },
  };
}

/** All weights of a model, as one list of numbers. */
export function numbersOf(model: tf.LayersModel): number[] {
  return model.weights.flatMap((weight) => [...weight.read().dataSync()]);
}
