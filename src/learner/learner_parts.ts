/**
 * The parts of a Learner: completed from what a user gives, and checked before any work.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { compiledModel, namedLoss, namedOptimizer } from "../model/compile_settings.ts";
import { isBuilt, isModel, type Model, variablesOf } from "../model/model.ts";
import { optimizersOf, PartedOptimizer } from "./learner_optimizers.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import type { AnyFields, LearnerParts } from "./learner_fields.ts";
import { type AnyObjective, DEFAULT_STAGES, jointModel, variablesToTrain } from "./own_steps.ts";
import { MeanMetric, type Metric } from "../metrics/metric.ts";
import type { RunningMeanState } from "../metrics/running_mean.ts";
import { checkCallback, checkCallbacks, checkDecisions, PRIORITIES } from "./callback_list.ts";
import { checkNumber, checkOptions, closest, describeValue } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { isLoader, loaderLength } from "../data/loader.ts";
import { learningRateOf } from "../optimizers/optimizer_state.ts";
import { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import { RUN_EVENTS, type RunEvent } from "./run_interface.ts";

// deno-lint-ignore no-explicit-any -- batches of any kind
type AnyParts = LearnerParts<any, any, any>;

/** Options in the forms in which a user may give them. */
interface GivenParts {
  readonly model?: unknown;
  readonly optimizer?: unknown;
  readonly lossFunction?: unknown;
  readonly objectives?: Readonly<Record<string, AnyObjective>>;
  readonly callbacks?: readonly AnyCallback[];
}

/**
 * Completes the parts of a Learner: names become optimizers and losses, a compiled model brings its
 * own, optimizers of the parts of a model become one.
 */
export function completeParts(given: GivenParts): AnyParts {
  const { model, objectives } = given;
  if (objectives) return { ...given, model: model ?? jointModel(objectives) } as AnyParts;
  const compiled = compiledModel(model);
  const { optimizer = compiled?.optimizer, lossFunction = compiled?.lossFunction } = given;
  const { callbacks } = given;
  const measured = given.lossFunction === undefined && compiled
    ? metricsBeside(callbacks, compiled.metrics)
    : {};
  return {
    ...given,
    optimizer: typeof optimizer === "string"
      ? namedOptimizer(optimizer)
      : partedOptimizer(model, optimizer) ?? optimizer,
    lossFunction: typeof lossFunction === "string" ? namedLoss(lossFunction) : lossFunction,
    callbacks: Object.keys(measured).length > 0
      ? [...callbacks ?? [], meanMetrics(measured)]
      : callbacks,
  } as AnyParts;
}

/** The metrics of a compiled model that no callback measures. */
function metricsBeside(
  callbacks: readonly AnyCallback[] | undefined = [],
  metrics: Readonly<Record<string, Metric>>,
): Record<string, Metric> {
  if (!Array.isArray(callbacks)) return {};
  const own = new Set(callbacks.flatMap((callback) => callback?.metricNames ?? []));
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => !PASSES.some((pass) => own.has(`${pass}.${name}`))),
  );
}

/** An optimizer of parts, if there is one for each of some parts of the model. */
function partedOptimizer(model: unknown, optimizer: unknown): tf.Optimizer | undefined {
  if (typeof optimizer !== "object" || optimizer === null || isOptimizer(optimizer)) return;
  const parts = model as Record<string, Model> | undefined;
  const named = Object.entries(optimizer);
  const fits = named.length > 0 && named.every(([name, value]) => {
    return (typeof value === "string" || isOptimizer(value)) && isModel(parts?.[name]);
  });
  if (!fits) return;
  return new PartedOptimizer(
    Object.fromEntries(named.map(([name, value]) => [name, {
      optimizer: typeof value === "string" ? namedOptimizer(value) : value,
      variables: () => variablesOf(parts![name]),
    }])),
  );
}

const PASSES = ["train", "validation", "test"] as const;

type Pass = typeof PASSES[number];

/**
 * A callback that measures the metrics of a compiled model: means over the examples of each pass, in
 * `learner.metrics` under names like `"validation.acc"`.
 */
function meanMetrics(metrics: Readonly<Record<string, Metric>>): AnyCallback {
  const means = Object.fromEntries(PASSES.map((pass) => [
    pass,
    Object.entries(metrics).map(([name, metric]) => new MeanMetric(name, metric)),
  ])) as Record<Pass, MeanMetric[]>;
  const names = Object.keys(metrics);

  const reset = (pass: Pass) => () => means[pass].forEach((mean) => mean.reset());
  const update = (pass: Pass) => (learner: AnyFields & { cancelled: ReadonlySet<string> }) => {
    if (learner.cancelled.has("batch")) return;
    const { predictions, labels, weights, batchSize: size } = learner;
    for (const mean of means[pass]) mean.update(predictions, labels, { size, weights });
  };
  const publish = (pass: Pass) => async (learner: AnyFields) => {
    for (const [index, mean] of means[pass].entries()) {
      learner.metrics[`${pass}.${names[index]}`] = await mean.compute(learner.peers);
      mean.reset();
    }
  };
  return {
    name: "CompiledMetrics",
    priority: PRIORITIES.metrics,
    passive: true,
    perRank: true,
    metricNames: PASSES.flatMap((pass) => names.map((name) => `${pass}.${name}`)),
    beforeEpoch: reset("train"),
    afterBatch: update("train"),
    afterEpoch: publish("train"),
    beforeValidate: reset("validation"),
    afterValidationBatch: update("validation"),
    afterValidate: publish("validation"),
    beforeTest: reset("test"),
    afterTestBatch: update("test"),
    afterTest: publish("test"),
    onError: () => PASSES.forEach((pass) => reset(pass)()),
    state: () => PASSES.map((pass) => means[pass].map((mean) => mean.state())),
    restore(states: RunningMeanState[][]) {
      PASSES.forEach((pass, place) =>
        means[pass].forEach((mean, index) => mean.restore(states[place][index]))
      );
    },
  };
}

/** The options of other frameworks for half precision. */
const HALF_PRECISION =
  /^((use_?)?amp|bf16|dtype(_?policy)?|fp16|float16|mixed_?precision|precision)$/i;

/** Says why there is no option for half precision. */
export function refuseHalfPrecision(action: string, options: object): void {
  const name = Object.keys(Object(options)).find((name) => HALF_PRECISION.test(name));
  if (name === undefined) return;
  throw new TypeError(
    `Cannot ${action} as numbers must be float32: TensorFlow.js has no half floats, so there is no ` +
      `mixed precision. Leave out ${name}.`,
  );
}

/** Checks the parts of a Learner. */
// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
export function checkParts(options: LearnerParts<any, any, any>): void {
  const { model, dataloaders = {}, callbacks = [], seed, stages = {} } = options;
  if (typeof (model as { executeAsync?: unknown } | undefined)?.executeAsync === "function") {
    throw new TypeError(
      "Cannot make a Learner as model must be one that can be trained: a tf.GraphModel is fixed. " +
        "Extract features by it in a TransformBatch, and train a head on them.",
    );
  }
  must(isModel(model), "model", "be a tf.LayersModel or { apply, trainableVariables }", model);
  if (options.objectives) checkObjectives(options);
  else checkSingle(options);
  for (const [name, stage] of Object.entries(stages)) {
    must(
      Object.hasOwn(DEFAULT_STAGES, name),
      "stages",
      `have the keys ${Object.keys(DEFAULT_STAGES).join(", ")} only`,
      name,
    );
    must(typeof stage === "function", `stages.${name}`, "be a function", stage);
  }
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
  checkCallbacks(callbacks);
  must(seed === undefined || Number.isSafeInteger(seed), "seed", "be a safe integer", seed);
}

// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
function checkSingle({ optimizer, lossFunction }: LearnerParts<any, any, any>): void {
  must(isOptimizer(optimizer), "optimizer", "be a tf.Optimizer", optimizer);
  must(typeof lossFunction === "function", "lossFunction", "be a function", lossFunction);
}

// deno-lint-ignore no-explicit-any -- for learners of all kinds of batches
function checkObjectives({ objectives = {}, ...options }: LearnerParts<any, any, any>): void {
  for (const name of ["optimizer", "lossFunction"] as const) {
    const value = options[name];
    must(value === undefined, name, "be left out where there are objectives", value);
  }
  must(typeof objectives === "object", "objectives", "be an object", objectives);
  const all = Object.entries(objectives);
  must(all.length > 0, "objectives", "have an entry for each loss", objectives);
  for (const [name, objective] of all) {
    const path = `objectives.${name}`;
    must(!/[./]/.test(name) && name !== "", "the name of an objective", "have no . or /", name);
    checkOptions(`make a Learner with ${path}`, objective, OBJECTIVE_OPTIONS);
    const { variables, optimizer, loss, predict, every = 1 } = objective;
    const isList = Array.isArray(variables) && variables.every((v) => v instanceof tf.Variable);
    must(isList || isModel(variables), `${path}.variables`, "be a model or variables", variables);
    must(isOptimizer(optimizer), `${path}.optimizer`, "be a tf.Optimizer", optimizer);
    must(typeof loss === "function", `${path}.loss`, "be a function", loss);
    const noFunction = predict !== undefined && typeof predict !== "function";
    must(!noFunction, `${path}.predict`, "be a function", predict);
    checkNumber("make a Learner", `${path}.every`, every, { integer: true, min: 1 });
  }
  const rates = all.map(([, { every = 1 }]) => every);
  must(rates.includes(1), "objectives", "have one with every: 1", rates);
}

const OBJECTIVE_OPTIONS: Record<keyof AnyObjective, true> = {
  variables: true,
  optimizer: true,
  loss: true,
  predict: true,
  every: true,
};

function isOptimizer(value: unknown): value is tf.Optimizer {
  return typeof (value as tf.Optimizer | undefined)?.applyGradients === "function";
}

/** The options that are checked before a run. */
interface StartOptions {
  readonly epochs?: number;
  readonly validationEpochs?: number;
  readonly validationBatches?: number;
  readonly callbacks?: readonly AnyCallback[];
  readonly learningRate?: number;
  readonly signal?: AbortSignal;
  readonly inspect?: unknown;
}

/** Checks that a run can begin. */
export function checkStart(
  kind: RunKind,
  learner: AnyFields,
  options: StartOptions,
): void {
  const { dataloaders, model } = learner;
  const { epochs = 1, validationEpochs = 1, validationBatches = 1 } = options;
  const { learningRate, signal, inspect } = options;
  for (const [name, value] of Object.entries({ epochs, validationEpochs, validationBatches })) {
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
  must(
    inspect === undefined || typeof inspect === "function" ||
      typeof (inspect as { next?: unknown } | null)?.next === "function",
    "inspect",
    "be a function, or an observer with a method next",
    inspect,
    kind,
  );
  const { callbacks = [] } = options;
  must(Array.isArray(callbacks), "callbacks", "be an array", callbacks, kind);
  learner.callbacks.forEach(checkCallback);
  checkCallbacks(callbacks);
  if (kind === "predict") return;
  if (kind === "train") checkDecisions([...learner.callbacks, ...callbacks]);
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
  if (kind === "train" && isBuilt(model)) checkVariables(learner);
}

/** Checks that there is something to train, and that a checkpoint of the model would have it. */
function checkVariables(learner: AnyFields): void {
  const { model, objectives } = learner;
  for (const { optimizer } of optimizersOf(learner)) {
    if (!(optimizer instanceof SlotOptimizer)) continue;
    optimizer.checkGroups(variablesOf(model).map(({ name }) => name));
  }
  const names = Object.keys(objectives);
  if (names.length === 0) return void variablesToTrain(learner);
  const known = new Set(variablesOf(model));
  for (const objective of names) {
    for (const variable of variablesToTrain({ model, objectives, objective })) {
      if (known.has(variable)) continue;
      throw new TypeError(
        `Cannot train as the model must contain all variables of the objectives: ` +
          `${variable.name} of objective ${objective} is missing`,
      );
    }
  }
}

/** The event of a name. */
export function eventOf(name: string): { type: RunEvent } {
  if ((RUN_EVENTS as string[]).includes(name)) return { type: name as RunEvent };
  throw new TypeError(
    `Cannot steer the run as the event must be one of ${RUN_EVENTS.join(", ")}: current value is ` +
      `"${name}", did you mean "${closest(name, RUN_EVENTS)}"?`,
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
