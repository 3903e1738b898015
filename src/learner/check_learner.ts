/**
 * What is checked before any work is done.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { closest } from "../deps/levenshtein.ts";
import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import type { Job } from "../chart/chart.ts";
import type { Learner } from "./learner.ts";
import { isLoader, type Loader, loaderLength } from "../data/loader.ts";
import { checkCallback } from "./callback.ts";
import { isBuilt, isModel } from "../model/model.ts";
import { learningRateOf } from "../optimizers/learning_rate.ts";
import type { LearnerOptions, TrainOptions } from "./options.ts";
import { RUN_EVENTS, type RunEvent } from "./run_actor.ts";
import { checkedVariables } from "./step.ts";

type AnyLearner = Learner<unknown, unknown, unknown>;

const LEARNER_OPTIONS: Record<keyof LearnerOptions, true> = {
  model: true,
  optimizer: true,
  lossFunction: true,
  dataloaders: true,
  callbacks: true,
  seed: true,
};

const TRAIN_OPTIONS: Record<keyof TrainOptions, true> = {
  from: true,
  epochs: true,
  learningRate: true,
  validationEpochs: true,
  signal: true,
  inspect: true,
};

/** Checks the parts of a Learner. */
// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
export function checkSetup(options: LearnerOptions<any, any, any>): void {
  checkOptions("make a Learner", options, LEARNER_OPTIONS);
  const { model, optimizer, lossFunction, dataloaders = {}, callbacks = [], seed } = options;
  must(isModel(model), "model", "be a tf.LayersModel or { apply, trainableVariables }", model);
  must(
    typeof optimizer?.applyGradients === "function",
    "optimizer",
    "be a tf.Optimizer",
    optimizer,
  );
  must(typeof lossFunction === "function", "lossFunction", "be a function", lossFunction);
  for (const [name, loader] of Object.entries(dataloaders)) {
    must(
      ["train", "validation", "test"].includes(name),
      "dataloaders",
      "have the keys train, validation and test only",
      name,
    );
    must(
      loader === undefined || isLoader(loader),
      `dataloaders.${name}`,
      "be an iterable of batches, a function that makes one, a tf.data.Dataset, or a DataLoader " +
        "around a dataset",
      loader,
    );
  }
  must(Array.isArray(callbacks), "callbacks", "be an array", callbacks);
  callbacks.forEach(checkCallback);
  must(seed === undefined || Number.isSafeInteger(seed), "seed", "be a safe integer", seed);
}

/** Checks that a run can begin. */
export function checkStart(
  job: Job,
  learner: AnyLearner,
  options: TrainOptions,
): void {
  checkOptions(job, options, TRAIN_OPTIONS);
  const { dataloaders, model } = learner;
  const { epochs = 1, validationEpochs = 1, learningRate, signal } = options;
  checkCount("epochs", epochs);
  checkCount("validationEpochs", validationEpochs);
  if (learningRate !== undefined) {
    learningRateOf(learner.optimizer);
    checkRate(learningRate);
  }
  must(
    signal === undefined || typeof signal?.addEventListener === "function",
    "signal",
    "be an AbortSignal",
    signal,
    job,
  );
  learner.callbacks.forEach(checkCallback);
  if (job === "predict") return;
  const needed = job === "validate" ? "validation" : job;
  if (dataloaders[needed] === undefined) {
    const names = ["train", "validation", "test"] as const;
    const present = names.filter((name) => dataloaders[name]).join(", ") || "no loader at all";
    throw new TypeError(
      `Cannot ${job} as dataloaders.${needed} must be set: there is ${present}`,
    );
  }
  const loaders = job === "train" ? ["train", "validation", "test"] as const : [needed] as const;
  for (const name of loaders) {
    if (loaderLength(dataloaders[name]) === 0) {
      throw new RangeError(
        `Cannot ${job} as dataloaders.${name} must yield at least one batch: its length is 0`,
      );
    }
  }
  if (job === "train" && isBuilt(model)) checkedVariables(model);
}

/** A rate that can be trained with. */
export function checkRate(rate: number): number {
  if (Number.isFinite(rate) && rate >= 0) return rate;
  throw new RangeError(
    `Cannot set the learning rate as it must be finite and >= 0: current value is ${
      describeValue(rate)
    }`,
  );
}

/** The event of that name. */
export function eventOf(name: string): { type: RunEvent } {
  if ((RUN_EVENTS as string[]).includes(name)) return { type: name as RunEvent };
  throw new TypeError(
    `Cannot steer the run as the event must be one of ${RUN_EVENTS.join(", ")}: current value is ` +
      `"${name}", did you mean "${closest(name, RUN_EVENTS)}"?`,
  );
}

/** What there is to predict, as a loader. */
// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
export function loaderOf(input: tf.Tensor | Loader<any, any, any>): Loader {
  if (input instanceof tf.Tensor) return [input] as never;
  must(isLoader(input), "input", "be a tensor or a loader", input, "predict");
  return input;
}

function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new RangeError(
    `Cannot train as ${name} must be an integer >= 1: current value is ${describeValue(value)}`,
  );
}

function must(
  holds: boolean,
  name: string,
  required: string,
  value: unknown,
  action = "make a Learner",
): asserts holds {
  if (holds) return;
  throw new TypeError(
    `Cannot ${action} as ${name} must ${required}: current value is ${describeValue(value)}`,
  );
}
