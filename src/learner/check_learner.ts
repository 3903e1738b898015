/**
 * The checks that a Learner makes before any work.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { closest } from "../deps/levenshtein.ts";
import { describeValue } from "../checks/describe_value.ts";
import type { RunKind } from "../chart/chart.ts";
import type { AnyFields, LearnerParts } from "./learner_fields.ts";
import { isLoader, type Loader, loaderLength } from "../data/loader.ts";
import { checkCallback } from "./check_callback.ts";
import { checkDecisions } from "./check_decisions.ts";
import { checkNumber } from "../checks/check_number.ts";
import { isBuilt, isModel } from "../model/model.ts";
import { learningRateOf } from "../optimizers/learning_rate.ts";
import { RUN_EVENTS, type RunEvent } from "./run_actor.ts";
import { checkedVariables } from "./step.ts";

/** Checks the parts of a Learner. */
// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
export function checkParts(options: LearnerParts<any, any, any>): void {
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

/** The options that are checked before a run. */
interface StartOptions {
  readonly epochs?: number;
  readonly validationEpochs?: number;
  readonly learningRate?: number;
  readonly signal?: AbortSignal;
}

/** Checks that a run can begin. */
export function checkStart(
  kind: RunKind,
  learner: AnyFields,
  options: StartOptions,
): void {
  const { dataloaders, model } = learner;
  const { epochs = 1, validationEpochs = 1, learningRate, signal } = options;
  for (const [name, value] of Object.entries({ epochs, validationEpochs })) {
    checkNumber("train", name, value, { integer: true, min: 1 });
  }
  if (learningRate !== undefined) {
    learningRateOf(learner.optimizer);
    checkNumber("set the learning rate", "it", learningRate, { min: 0 });
  }
  must(
    signal === undefined || typeof signal?.addEventListener === "function",
    "signal",
    "be an AbortSignal",
    signal,
    kind,
  );
  learner.callbacks.forEach(checkCallback);
  if (kind === "predict") return;
  if (kind === "train") checkDecisions(learner.callbacks);
  const needed = kind === "validate" ? "validation" : kind;
  if (dataloaders[needed] === undefined) {
    const names = ["train", "validation", "test"] as const;
    const present = names.filter((name) => dataloaders[name]).join(", ") || "no loader at all";
    throw new TypeError(
      `Cannot ${kind} as dataloaders.${needed} must be set: there is ${present}`,
    );
  }
  const loaders = kind === "train" ? ["train", "validation", "test"] as const : [needed] as const;
  for (const name of loaders) {
    if (loaderLength(dataloaders[name]) === 0) {
      throw new RangeError(
        `Cannot ${kind} as dataloaders.${name} must yield at least one batch: its length is 0`,
      );
    }
  }
  if (kind === "train" && isBuilt(model)) checkedVariables(model);
}

/** The event of a name. */
export function eventOf(name: string): { type: RunEvent } {
  if ((RUN_EVENTS as string[]).includes(name)) return { type: name as RunEvent };
  throw new TypeError(
    `Cannot steer the run as the event must be one of ${RUN_EVENTS.join(", ")}: current value is ` +
      `"${name}", did you mean "${closest(name, RUN_EVENTS)}"?`,
  );
}

/** The input of `predict()` as a loader. */
// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
export function loaderOf(input: tf.Tensor | Loader<any, any, any>): Loader {
  if (input instanceof tf.Tensor) return [input] as never;
  must(isLoader(input), "input", "be a tensor or a loader", input, "predict");
  return input;
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
