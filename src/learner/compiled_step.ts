import type { Program } from "../backend/recording/program.ts";
import type { Playback, Played } from "../backend/recording/playback.ts";
import type { Recording } from "../backend/recording/recording.ts";
import { stepTools } from "../backend/recording/step_tools.ts";
import { tf } from "../deps/tfjs.ts";
import { weighLoss } from "../losses/loss_inputs.ts";
import { replaceStates, statesOf } from "../model/layers.ts";
import { variablesOf } from "../model/model.ts";
import { withRandom } from "../random/random_numbers.ts";
import { weightBy } from "../tensors/tensor_memory.ts";
import { mapTensors, markOutput, outputMark, tensorsIn } from "../tensors/nested_tensors.ts";
import type { LateTensors } from "./batch_tensors.ts";
import type { AnyFields } from "./learner_fields.ts";
import { modelsInStep } from "./own_steps.ts";
import type { StepOf } from "./step.ts";
import type { KernelHeap } from "../backend/kernel_heap.ts";

/** The part of a step that is compiled: that of a training, of an evaluation or of a prediction. */
export type StepKind = "compute" | "evaluate" | "predict";

/** Everything on which a step depends. */
export interface StepKey {
  readonly kind: StepKind;
  readonly objects: readonly unknown[];
  readonly heap: KernelHeap;
  /** Whether only the option `compile` says that the step depends on nothing else. */
  readonly isVouchedFor: boolean;
  /** The tensors of the current batch, the states of recurrent layers, and those of callbacks. */
  inputs: tf.Tensor[];
}

/**
 * The way in which a step was taken.
 *
 * @category Learner
 */
export interface StepState {
  /** Operation by operation; the same, and recorded; or played back from a recording. */
  readonly way: "eager" | "recorded" | "played";
  /** Why it was not played back; `undefined` if it was, or is about to be. */
  readonly reason?: string;
}

/**
 * Size of the memory that a prediction keeps between two runs, in bytes, as programs often predict
 * few examples at a time: to lay the memory out takes longer than the prediction.
 */
const KEPT_BYTES = 2 ** 20;

/** Most bytes of results that keep their memory from step to step. */
const LATE_BYTES = 2 ** 20;

/** Frees the memory of predictions whose Learner is gone. */
const FORGOTTEN = new FinalizationRegistry<Playback>((playback) => playback.dispose());

const EAGER: StepState = { way: "eager" }, PLAYED: StepState = { way: "played" };

/**
 * Numbers of played steps after which one is compared with its recording, in the next epoch: the first
 * number, which doubles each time, and the largest. To compare takes as long as dozens of short steps.
 */
const UNCOMPARED = 20, MOST_UNCOMPARED = 320;

/** Number of times that the steps of a key are recorded again. */
const RESTARTS = 4;

/**
 * The steps with one key: the first is taken operation by operation, the second and the third are
 * recorded, too, the following ones are played back.
 */
export class CompiledStep {
  readonly key: StepKey;
  #step!: StepOf;
  #state = EAGER;
  #taken = 0;
  #recording: Recording | undefined;
  #program: Program | undefined;
  #playback: Playback | undefined;
  /** The predictions of the recorded steps: played ones have the same structure. */
  #predictions: unknown;
  /** The names of the results. */
  #names: readonly string[] = [];
  /** Number of states of recurrent layers, the first results, and of predictions, the next ones. */
  #states = 0;
  #predicted = 0;
  /** The results that are no tensors until something reads them; none if they are made at once. */
  #latePredictions: LateTensors | undefined;
  #lateGradients: LateTensors | undefined;
  #restarts = 0;
  /** Index of the epoch whose first step was compared with the recording. */
  #compared: number;
  /** Number of steps played since, and the number after which the next one is compared. */
  #played = 0;
  #uncompared = UNCOMPARED;

  constructor({ epoch }: AnyFields, key: StepKey) {
    this.key = key;
    this.#compared = epoch;
  }

  get state(): StepState {
    return this.#state;
  }

  take(step: StepOf, eager: () => void): void {
    this.#step = step;
    if (!this.#playback && this.#program) this.#prepare(this.#program);
    if (this.#playback?.isValid === false) this.#restart();
    if (this.#playback && this.#isToBeCompared(this.#playback)) return this.#compare(eager);
    if (this.#playback) return this.#play(eager);
    if (this.#state.reason !== undefined || this.#taken++ === 0) return eager();
    if (this.#holdsWeight()) {
      this.#giveUp("a weight is part of the batch");
      return eager();
    }
    const recording = this.#record(eager);
    if (!recording) return;
    if (this.#recording) this.#match(this.#recording, recording);
    else this.#recording = recording;
  }

  /** A step of a user's own functions is compared with its recording at most once in each epoch. */
  #isToBeCompared(playback: Playback): boolean {
    const { epoch } = this.#step.learner;
    return this.key.isVouchedFor && this.#played >= this.#uncompared && epoch !== this.#compared &&
      playback.fits(this.key.inputs) && !this.#holdsWeight();
  }

  /** Whether a weight is part of the batch: a recording could not tell them apart. */
  #holdsWeight(): boolean {
    const weights = new Set(variablesOf(this.#step.learner.model).map(({ dataId }) => dataId));
    return this.key.inputs.some(({ dataId }) => weights.has(dataId));
  }

  #compare(eager: () => void): void {
    this.#compared = this.#step.learner.epoch;
    this.#played = 0;
    this.#uncompared = Math.min(2 * this.#uncompared, MOST_UNCOMPARED);
    const recording = this.#record(eager);
    const { difference = this.#state.reason } = recording
      ? stepTools()!.matchRecordings(this.#recording!, recording)
      : {};
    if (difference === undefined) return;
    throw new Error(
      "Cannot compile the step as it must depend on its inputs only: two steps of the same shapes " +
        `differ: ${difference}. Leave the option compile out, or set it to false.`,
    );
  }

  /** Takes a step and records it. */
  #record(eager: () => void): Recording | undefined {
    const { key: { heap, inputs }, key } = this;
    const { learner, tensors } = this.#step;
    this.#state = { way: "recorded" };
    const { recording, reason } = stepTools()!.Recorder.record(heap, {
      inputs,
      holds: learner.compile === true,
      work: eager,
      outputs: () => [
        ...statesOf(modelsInStep(learner)).map((state, i) => [`state ${i}`, state] as const),
        ...tensorsIn(learner.predictions).map((tensor, i) => [`prediction ${i}`, tensor] as const),
        ...key.kind === "predict" ? [] : [["loss", learner.loss] as const],
        ...key.kind === "compute" ? Object.entries(learner.gradients) : [],
      ],
      loss: () => tensors.statedLoss,
    });
    if (reason !== undefined) return this.#giveUp(reason);
    const found = recording.inspections.map(({ weight }) => weight);
    if (tensors.statedWeight !== weightBy(recording.weight, found)) {
      return this.#giveUp("the loss computes its own weight");
    }
    if (!isPlain(learner.predictions)) return this.#giveUp("the predictions hold other values");
    if (this.#playback) return recording;
    // The marks of tensors outlive the tensors.
    this.#predictions = learner.predictions;
    this.#names = recording.outputs.map(({ name }) => name);
    this.#states = statesOf(modelsInStep(learner)).length;
    this.#predicted = tensorsIn(learner.predictions).length;
    return recording;
  }

  #match(first: Recording, second: Recording): void {
    const { program, difference } = stepTools()!.matchRecordings(first, second);
    if (difference !== undefined) return void this.#giveUp(`two steps differ: ${difference}`);
    // Only a step that is compared later needs it.
    this.#recording = this.key.isVouchedFor ? second : undefined;
    this.#program = program;
    this.#prepare(program);
  }

  /** Allocates the memory of a program. */
  #prepare(program: Program): void {
    try {
      const { Playback } = stepTools()!;
      const late = this.#lateOutputs(program);
      this.#playback = new Playback(program, this.key.heap, late);
      if (late.length > 0) this.#prepareLate(this.#playback);
      FORGOTTEN.register(this, this.#playback, this);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#program = undefined;
      this.#giveUp("the heap has no room for the memory of the step");
    }
  }

  #giveUp(reason: string): undefined {
    if (!this.#playback) this.#recording = undefined;
    this.#state = { way: "eager", reason };
  }

  #restart(): void {
    this.dispose();
    this.#taken = 1;
    if (++this.#restarts > RESTARTS) this.#giveUp("tensors that it holds are replaced");
  }

  #play(eager: () => void): void {
    const playback = this.#playback!;
    if (!playback.draws) return this.#finish(playback.play(this.key.inputs), eager);
    const { random } = Math;
    const drawn: number[] = [];
    const draw = () => {
      const number = random();
      drawn.push(number);
      return number;
    };
    const played = withRandom(draw, () => playback.play(this.key.inputs));
    // The step begins again, with the numbers that it has drawn.
    this.#finish(played, () => withRandom(() => drawn.shift() ?? random(), eager));
  }

  #finish(played: Played | undefined, eager: () => void): void {
    if (!played) {
      this.#state = EAGER;
      return eager();
    }
    this.#state = PLAYED;
    this.#played++;
    this.#put(played);
  }

  /** Indices of the predictions and gradients, if each has memory of its own, and not too much. */
  #lateOutputs({ outputs, assigned }: Program): number[] {
    if (this.key.kind === "predict") return [];
    const loss = this.#states + this.#predicted;
    const late = [...outputs.keys()].filter((at) => at >= this.#states && at !== loss);
    const all = [...outputs.map(({ memory }) => memory), ...assigned.map(({ value }) => value)];
    const bytes = late.reduce((sum, at) => sum + outputs[at].memory.bytes, 0);
    const isOwn = new Set(all).size === all.length &&
      late.every((at) => outputs[at].memory.kind === "result");
    return isOwn && bytes <= LATE_BYTES ? late : [];
  }

  #prepareLate(playback: Playback): void {
    const first = this.#states + this.#predicted + 1;
    const names = this.#names.slice(first);
    // A playback that is gone has taken its results with it.
    const isThere = () => this.#playback === playback;
    this.#latePredictions = {
      make: () => isThere() ? this.#predictionsOf((at) => playback.make(at)) : undefined,
    };
    this.#lateGradients = {
      make: () =>
        isThere()
          ? Object.fromEntries(names.map((name, i) => [name, playback.make(first + i)]))
          : {},
      memory: new Map(names.map((name, i) => [name, playback.memoryOf(first + i)])),
    };
  }

  /** The predictions, from tensors by the indices of the results. */
  #predictionsOf(tensorAt: (index: number) => tf.Tensor): unknown {
    let at = this.#states;
    return mapTensors(this.#predictions, (before) => {
      const tensor = tensorAt(at++), mark = outputMark(before);
      if (mark) markOutput(tensor, mark);
      return tensor;
    });
  }

  /** Gives the results to the batch, as the step itself does. */
  #put({ outputs, assigned, weight }: Played): void {
    const { key: { kind } } = this;
    const { learner, tensors } = this.#step;
    if (this.#states > 0) replaceStates(modelsInStep(learner), outputs.slice(0, this.#states));
    if (this.#latePredictions) tensors.putLate("predictions", this.#latePredictions);
    else {
      tensors.put("predictions", this.#predictionsOf((at) => outputs[at]));
      tensors.keep("predictions");
    }
    const first = this.#states + this.#predicted + 1;
    if (kind !== "predict") {
      const loss = outputs[first - 1];
      if (weight !== undefined) weighLoss(loss, weight);
      tensors.put("loss", loss);
      tensors.keep("loss");
    }
    for (const [variable, value] of assigned) {
      variable.assign(value);
      value.dispose();
    }
    if (kind !== "compute") return;
    if (this.#lateGradients) return tensors.putLate("gradients", this.#lateGradients);
    const names = this.#names.slice(first);
    tensors.put(
      "gradients",
      Object.fromEntries(names.map((name, i) => [name, outputs[first + i]])),
    );
    tensors.keep("gradients");
  }

  /** Ends a run: the next step of users' functions is compared again. */
  endRun(): void {
    this.#compared = -1;
    const { bytes = 0 } = this.#playback ?? {};
    if (this.key.kind !== "predict" || bytes > KEPT_BYTES) this.#free();
  }

  #free(): void {
    if (this.#playback) FORGOTTEN.unregister(this);
    this.#playback?.dispose();
    this.#playback = this.#latePredictions = this.#lateGradients = undefined;
  }

  dispose(): void {
    this.#free();
    this.#compared = -1;
    this.#program = this.#recording = this.#predictions = undefined;
  }
}

/** Whether a value consists of tensors in arrays and records. */
function isPlain(nested: unknown): boolean {
  if (nested instanceof tf.Tensor) return true;
  if (typeof nested !== "object" || nested === null) return false;
  const prototype = Object.getPrototypeOf(nested);
  return (prototype === Object.prototype || prototype === Array.prototype) &&
    Object.values(nested).every(isPlain);
}
