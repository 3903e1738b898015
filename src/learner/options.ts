import type { tf } from "../deps/tfjs.ts";
import type { CallbackLike } from "./callback.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { Loader } from "../data/loader.ts";
import type { Model } from "../model/model.ts";

/** Where batches come from; any may be missing. */
export interface Dataloaders<Data = tf.Tensor, Labels = tf.Tensor> {
  /** What is learned from. */
  train?: Loader<Data, Labels>;
  /** What is measured after an epoch. */
  validation?: Loader<Data, Labels>;
  /** What is measured at the end. */
  test?: Loader<Data, Labels>;
}

/** Options of `new Learner()`. */
export interface LearnerOptions<Data = tf.Tensor, Labels = tf.Tensor, Predictions = tf.Tensor> {
  /** What is trained: a model made of layers, or anything with `apply` and `trainableVariables`. */
  model: tf.LayersModel | Model<Data, Predictions>;
  /** Ours or one of `tf.train`. */
  optimizer: tf.Optimizer;
  /** Gives a scalar to minimise, out of TensorFlow.js operations. */
  lossFunction: (predictions: Predictions, labels: Labels) => tf.Tensor;
  /** Where batches come from. Default: none, which is enough to predict. */
  dataloaders?: Dataloaders<Data, Labels>;
  /** What hangs on the hooks. Default: none. */
  callbacks?: readonly CallbackLike[];
  /** Makes shuffling and random draws inside steps repeat exactly. Default: they do not. */
  seed?: number;
}

/** Options of every run. */
export interface RunOptions {
  /** Cancels the run on abort. */
  signal?: AbortSignal;
  /** Observes the actor: an XState inspection observer, or a function of inspection events. */
  // deno-lint-ignore no-explicit-any -- XState's types stay out of our signatures
  inspect?: ((event: any) => void) | { next?: (event: any) => void };
}

/** Options of `learner.train()`. */
export interface TrainOptions extends RunOptions {
  /**
   * Goes on where a checkpoint was taken: what `learner.checkpoint()` returned, or a file. A run
   * that was paused goes on, too. The other options replace what the checkpoint says.
   */
  from?: RunCheckpoint | string | URL;
  /** How many, an integer >= 1. Default: 1. */
  epochs?: number;
  /** Per step, finite and >= 0. Default: the optimizer's own. */
  learningRate?: number;
  /** Validate after every so many epochs, an integer >= 1. Default: 1. */
  validationEpochs?: number;
}
