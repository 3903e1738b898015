import type { tf } from "../deps/tfjs.ts";
import type { Facts, RunKind } from "../chart/chart.ts";
import {
  type Cancellable,
  type HookName,
  HOOKS,
  type TaskName,
  type WorkName,
} from "../chart/hooks.ts";
import { type Performer, Pump, type PumpOptions } from "../chart/pump.ts";
import type { PumpState } from "../chart/pump_state.ts";
import { type Loader, type Shard, type SizedBatch, WHOLE } from "../data/loader.ts";
import {
  type AsideStates,
  disposeKeptStates,
  putStatesAside,
  replaceStates,
  statesOf,
} from "../model/layers.ts";
import { keyedRandom, mixKey, streamKey, withRandom } from "../random/random_numbers.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import {
  BATCH_TENSORS,
  type BatchTensorName,
  type BatchTensors,
  batchTensorsOf,
} from "./batch_tensors.ts";
import { CallbackList, checkDecisions, SetUps, watched } from "./callback_list.ts";
import { changeBatch, type Pass } from "./pass.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { CompiledSteps } from "./compiled_steps.ts";
import { objectiveModel } from "./own_steps.ts";
import type { StepKind } from "./compiled_step.ts";
import type { Dataloaders } from "./run_interface.ts";
import type { PassLossesState } from "../metrics/running_mean.ts";
import { copyPredictions, type PredictOptions } from "./predict.ts";
import { type PassesState, RunPasses } from "./run_passes.ts";
import { compute, evaluate, predictOnly, type StepOf, update } from "./step.ts";

/**
 * An error, and the work in which it was thrown.
 *
 * @category Learner
 */
export interface Failure {
  /** The error. */
  readonly error: unknown;
  /** The hook or task that threw. */
  readonly during: string;
  /** The name of the callback, if a callback threw. */
  readonly callback?: string;
  /** Index of the epoch, 0-based. */
  readonly epoch: number;
  /** Index of the batch in its pass, 0-based; -1 before the first. */
  readonly batch: number;
}

/** The states that recurrent layers keep from batch to batch, in the order of the layers. */
export interface LayerStates {
  /** The current states. */
  readonly current: readonly tf.Tensor[];
  /** The states of the training, while a validation or a test has its own. */
  readonly aside?: readonly tf.Tensor[];
}

/** The place that a run has reached, so that another run can continue from there. */
export interface RunState extends PassesState {
  /** The state of the pump and of the machine. */
  readonly pump: PumpState;
  /** The states of stateful layers. Default: no layer is stateful, or they were not saved. */
  readonly layerStates?: LayerStates;
  /** The batch whose after hooks are running. */
  readonly batch?: {
    readonly size: number;
    readonly computed: boolean;
    readonly objective?: string;
    /** Weight of the loss in the mean of the pass. Default: the number of examples. */
    readonly lossWeight?: number | tf.Tensor;
    readonly slots: Partial<Record<BatchTensorName, unknown>>;
  };
}

/** One run of a Learner: performs the work that the machine names, on the Learner's fields. */
export class Run implements Performer<AnyCallback>, StepOf {
  /** Follows the machine. */
  readonly pump: Pump<AnyCallback>;
  /** The kind of run. */
  readonly kind: RunKind;
  /** All errors; the first ended the run. */
  readonly failures: Failure[] = [];
  /** The predictions of `predict()`, batch by batch. */
  readonly outputs: unknown[];
  /** The tensors of the current batch. */
  readonly tensors: BatchTensors;
  /** The fields to work on. */
  readonly learner: AnyFields;
  readonly #input: Loader | undefined;
  readonly #form: PredictOptions["as"];
  readonly #callbacks = new CallbackList();
  readonly #setUps = new SetUps();
  readonly #passes: RunPasses;
  readonly #steps: CompiledSteps;
  /** The states of the training's recurrent layers, while a validation or a test has its own. */
  #aside: AsideStates | undefined;

  /**
   * @param learner The fields to work on.
   * @param options The kind of run, the steps of the Learner, and for a prediction its input, where
   *   its outputs go, and their form.
   */
  constructor(
    learner: AnyFields,
    options: PumpOptions & {
      kind: RunKind;
      steps: CompiledSteps;
      input?: Loader;
      outputs?: unknown[];
      form?: PredictOptions["as"];
    },
  ) {
    this.learner = learner;
    this.tensors = batchTensorsOf(learner);
    this.kind = options.kind;
    this.#input = options.input;
    this.#form = options.form;
    this.outputs = options.outputs ?? [];
    this.#passes = new RunPasses(learner, () => this.#shard, () => this.#disposeBatch());
    this.#steps = options.steps;
    this.pump = new Pump(this, options);
  }

  /** The open pass. */
  get #pass(): Pass | undefined {
    return this.#passes.current;
  }

  /** The callbacks with a hook in the middle of a step; one may be there twice. */
  #listenersWithin(): AnyCallback[] {
    const { callbacks } = this.learner;
    return [
      ...this.#callbacks.listeners("afterPredict", callbacks),
      ...this.#callbacks.listeners("afterLoss", callbacks),
    ];
  }

  /** Runs a synchronous hook in the middle of a step. */
  hook(name: "afterPredict" | "afterLoss"): void {
    this.pump.runSynchronously(name);
  }

  /** Copies what the guards need off the Learner. */
  facts(): Facts {
    const { epoch, epochs, validationEpochs, validationBatches, trainedBatches } = this.learner;
    const validation = this.#isGiven("validation");
    return {
      epoch,
      epochs,
      batch: this.#passes.batchIndex + 1,
      loaded: this.#pass?.batch !== undefined,
      nextObjective: this.#pass?.hasNextObjective ?? false,
      validateBatch: validation && validationBatches !== undefined &&
        trainedBatches % validationBatches === 0,
      validate: validation && (epoch + 1) % validationEpochs === 0 &&
        !this.learner.isValidated,
      test: this.#isGiven("test"),
    };
  }

  /** Nothing may throw here: opening a value that is no loader says what is wrong with it. */
  #isGiven(name: keyof Dataloaders): boolean {
    const { dataloaders } = this.learner;
    return !dataloaders || dataloaders[name] !== undefined;
  }

  /** The callbacks of a hook; the first hook of a phase sets the phase. */
  listeners(hook: HookName): readonly AnyCallback[] {
    const { phase } = HOOKS[hook];
    if (phase) {
      this.learner.phase = phase;
      if (hook.startsWith("before")) this.learner.batchIndex = -1;
    }
    return this.#callbacks.listeners(hook, this.learner.callbacks);
  }

  /** Calls one hook of one callback. */
  call(callback: AnyCallback, hook: HookName): unknown {
    const { watchers } = this.#callbacks;
    if (watchers.length === 0) return callback[hook]!(this.learner);
    return watched(watchers, hook, callback, () => callback[hook]!(this.learner));
  }

  /** Whether a callback defines a hook. */
  defines(callback: AnyCallback, hook: HookName): boolean {
    return typeof callback[hook] === "function";
  }

  /** The callbacks that are new to this run. */
  newcomers(): readonly AnyCallback[] {
    return this.#setUps.newcomers(this.learner.callbacks);
  }

  /** Sets a callback up. */
  setUp(callback: AnyCallback): void | Promise<void> {
    if (this.kind === "train") checkDecisions(this.learner.callbacks);
    return this.#setUps.setUp(callback, this.learner, this.kind);
  }

  /** Records an error once, and adds its place to its stack. */
  failed(
    error: unknown,
    work: WorkName | HookName | "setUp" | "putBack",
    callback?: AnyCallback,
  ): void {
    if (this.failures.some((failure) => failure.error === error)) return;
    const { epoch, batchIndex: batch } = this.learner;
    const name = callback && nameOf(callback);
    this.failures.push({ error, during: work, callback: name, epoch, batch });
    if (error instanceof Error && error.stack) {
      const where = name ? `${name}.${work}` : work;
      error.stack += `\n    in ${where} (epoch ${epoch}, batch ${batch})`;
    }
  }

  /** Does a piece of the Learner's own work. */
  perform(task: TaskName): void | Promise<void> {
    const { watchers } = this.#callbacks;
    if (watchers.length === 0) return this.#perform(task);
    return watched(watchers, task, undefined, () => this.#perform(task));
  }

  #perform(task: TaskName): void | Promise<void> {
    switch (task) {
      case "openTrain":
        return this.#passes.openTrain();
      case "openValidation":
        this.learner.phase = "validate";
        this.#putStatesAside();
        return this.#passes.open("validation", this.learner.dataloaders?.validation);
      case "openTest":
        this.#putStatesAside();
        return this.#passes.open("test", this.learner.dataloaders?.test);
      case "openPredict":
        this.learner.phase = "predict";
        return this.#passes.open("predict", this.#input);
      case "fetch":
        this.#passes.returnToEpoch();
        // The signal first, because the loader may itself cancel the phase of this signal.
        return this.#pass!.fetch(this.pump.signal);
      case "compute":
        return this.#seeded("compute", compute);
      case "nextObjective":
        return this.#pass!.endObjective();
      case "step":
        update(this);
        this.#pass!.computed = true;
        return;
      case "evaluate":
        this.#seeded("evaluate", evaluate);
        this.#pass!.computed = true;
        return;
      case "predict":
        this.#changeInput();
        this.#seeded("predict", predictOnly);
        this.outputs.push(
          copyPredictions(this.tensors.get("predictions"), this.learner, this.#form),
        );
        return;
      case "disposeBatch":
        return this.#disposeBatch();
      case "closeInner":
        this.#putStatesBack();
        return this.#passes.closeInner();
      case "closeLoader":
        this.#putStatesBack();
        return this.#passes.close();
      case "advance":
        this.learner.epoch++;
        return;
    }
  }

  /** A prediction has no hooks in which callbacks could change its batches. */
  #changeInput(): void {
    if (this.learner.callbacks.length === 0) return;
    const { epoch, batchIndex: index } = this.learner;
    const place = { pass: "predict", epoch, index } as const;
    const batch = { data: this.tensors.get("data"), labels: this.tensors.get("labels") };
    const { data } = changeBatch(this.learner, batch, place, (part) => this.tensors.own(part));
    if (data !== batch.data) this.tensors.put("data", data);
  }

  /** A validation and a test begin with states of zeros, and leave those of the training alone. */
  #putStatesAside(): void {
    this.#aside = putStatesAside(modelsOf(this.learner));
  }

  #putStatesBack(): void {
    this.#aside?.putBack();
    this.#aside = undefined;
  }

  /** The states of recurrent layers, if there are any; its tensors stay the run's. */
  layerStates(): LayerStates | undefined {
    const current = statesOf(modelsOf(this.learner));
    if (current.length === 0) return;
    return { current, ...this.#aside && { aside: this.#aside.states } };
  }

  #restoreStates({ current, aside }: LayerStates): void {
    const models = modelsOf(this.learner);
    if (aside) {
      replaceStates(models, aside);
      this.#putStatesAside();
    }
    replaceStates(models, current);
  }

  /** The phases that were cut short. */
  get cancelled(): readonly Cancellable[] {
    return this.pump.actor.getSnapshot().context.cancelled;
  }

  /** The state of the mean losses of the open pass; its tensors stay the run's. */
  lossesState(): PassLossesState {
    return this.#passes.lossesState();
  }

  /**
   * The mean loss of the open pass so far; NaN outside of a pass and before its first batch. This
   * reads the device.
   */
  async lossSoFar(): Promise<number> {
    return (await this.#pass?.losses.read())?.loss ?? NaN;
  }

  /** Whether the current batch is the last of its pass; `false` outside of a pass. */
  async isLastBatch(): Promise<boolean> {
    return await this.#pass?.isLast(this.pump.signal) ?? false;
  }

  /**
   * The place that the run has reached; the tensors in it stay the run's.
   *
   * @throws {Error} If the run is in the middle of a batch.
   */
  state(): RunState {
    const pump = this.pump.state();
    const pass = this.#pass;
    const batch = pump.hook ? pass?.batch : undefined;
    const again = pass?.batch && !pump.hook ? 1 : 0; // a paused run has fetched one already
    const names = pump.hook?.left ? BATCH_TENSORS : ["loss"] as const;
    const lossWeight = batch && this.tensors.lossWeight;
    this.tensors.own(lossWeight);
    const layerStates = this.layerStates();
    return {
      pump,
      ...layerStates && { layerStates },
      ...this.#passes.state(again),
      batch: batch && {
        size: batch.size,
        computed: pass!.computed,
        objective: this.learner.objective,
        ...lossWeight !== undefined && { lossWeight },
        slots: Object.fromEntries(names.map((name) => [name, this.tensors.get(name)])),
      },
    };
  }

  /**
   * Continues from a state, whose tensors now belong to the run. Callbacks are set up first, as they
   * may replace the loader that is opened.
   */
  async restore(state: RunState): Promise<void> {
    await this.#setUpAll(state);
    const { layerStates, ...others } = state;
    if (layerStates) this.#restoreStates(layerStates);
    try {
      await this.#passes.restore(state);
    } catch (error) {
      disposeTensors(others);
      throw error;
    }
    const { batch } = state;
    if (!batch || !this.#pass) return;
    this.learner.objective = batch.objective;
    for (const name of BATCH_TENSORS) {
      if (batch.slots[name] !== undefined) this.tensors.put(name, batch.slots[name]);
    }
    if (batch.lossWeight !== undefined) this.tensors.lossWeight = batch.lossWeight;
    const { data, labels, weights } = batch.slots;
    const whole = { data, labels, weights, size: batch.size } as SizedBatch;
    this.#pass.restoreBatch(whole, batch.computed);
  }

  async #setUpAll(state: RunState): Promise<void> {
    for (const callback of this.newcomers()) {
      try {
        await this.setUp(callback);
      } catch (error) {
        disposeTensors(state);
        this.failed(error, "setUp", callback);
        throw error;
      }
    }
  }

  /** Releases everything, however the run ended. */
  async dispose(): Promise<void> {
    this.learner.objective = undefined;
    this.tensors.dispose();
    this.#putStatesBack();
    disposeKeptStates(modelsOf(this.learner));
    this.#steps.release();
    const failures = this.failures.length;
    try {
      await this.#passes.dispose();
    } finally {
      await this.#setUps.putBack((error, callback) => this.failed(error, "putBack", callback));
    }
    if (failures === 0 && this.failures.length > 0) throw this.failures[0].error;
  }

  /** The part of each epoch that this process takes; a prediction takes the whole. */
  get #shard(): Shard {
    return this.kind === "predict" ? WHOLE : this.learner.peers?.shard ?? WHOLE;
  }

  #seeded(kind: StepKind, eager: (step: StepOf) => void): void {
    const work = () => this.#steps.take(this, kind, this.#listenersWithin(), eager);
    this.#pass!.beginObjective();
    const { trainingSeed, epoch, batchIndex, phase, peers } = this.learner;
    if (trainingSeed === undefined) return work();
    const { objectiveIndex: index } = this.#pass!;
    const seed = index === 0 ? trainingSeed : mixKey(trainingSeed, index, index);
    const stream = streamKey(phase, peers?.shard.index);
    withRandom(keyedRandom(seed, epoch, batchIndex, stream), work);
  }

  #disposeBatch(): void {
    const pass = this.#pass;
    if (pass) pass.disposeBatch(this.cancelled.includes("batch"));
    else this.tensors.dispose();
    // A step that was played back has not called the layers.
    if (this.#steps.state?.way !== "played") disposeKeptStates(modelsOf(this.learner));
  }
}

/** The models whose layers may keep states. */
export function modelsOf({ model, objectives }: AnyFields): unknown[] {
  return [model, ...Object.values(objectives).map(objectiveModel)];
}
