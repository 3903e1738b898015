/**
 * The key of a step: everything on which it may depend, so that two steps with the same key are the
 * same sequence of operations.
 *
 * @module
 */
import type { KernelHeap } from "../backend/kernel_heap.ts";
import { stepTools } from "../backend/recording/step_tools.ts";
import { tf } from "../deps/tfjs.ts";
import { isPure } from "../losses/loss_inputs.ts";
import { statesOf } from "../model/layers.ts";
import { isBuilt } from "../model/model.ts";
import { settingsOf, whyNotStock } from "../model/model_structure.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";
import { currentObjective, DEFAULT_STAGES, objectiveModel, variablesToTrain } from "./own_steps.ts";
import type { StepOf } from "./step.ts";

/** The part of a step that is compiled: that of a training, of an evaluation or of a prediction. */
export type StepKind = "compute" | "evaluate" | "predict";

/** Returns the tensors on which the hooks of a callback depend in the middle of the current step. */
type StepInputs = (learner: AnyFields) => readonly tf.Tensor[] | undefined;

const STEP_INPUTS = new WeakMap<AnyCallback, StepInputs>();

/**
 * Says that the hooks of a callback in the middle of a step, `afterPredict` and `afterLoss`, compute
 * with nothing but the batch, the predictions, the loss, its function and some tensors, so that a
 * step with them can be compiled. In a step that is played back, they are not called.
 *
 * @param callback The callback.
 * @param inputs Returns these tensors of a step, which live as long as its batch; `undefined` if the
 *   hooks may depend on more.
 */
export function declareStepInputs(callback: AnyCallback, inputs: StepInputs): void {
  STEP_INPUTS.set(callback, inputs);
}

/**
 * Everything on which a step depends, or why it may depend on more.
 *
 * @param step The step.
 * @param kind Its kind.
 * @param listeners The callbacks with a hook in the middle of it.
 */
export function keyOf(
  { learner }: StepOf,
  kind: StepKind,
  listeners: readonly AnyCallback[],
): StepKey | string {
  const reason = whyEager(learner, kind);
  if (reason !== undefined) return reason;
  const more = listeners.map((callback) => STEP_INPUTS.get(callback)?.(learner));
  const other = more.indexOf(undefined);
  if (other >= 0) return `${nameOf(listeners[other])} acts in the middle of the step`;
  const heap = stepTools()!.heapOf(tf.backend())!;
  const { model, stages, lossFunction, objective, compile } = learner;
  const current = currentObjective(learner);
  const own = current && objectiveModel(current);
  const inputs: tf.Tensor[] = [];
  const { data, labels, weights } = learner;
  const batch = kind === "predict" ? [data] : [data, labels, weights];
  const shapes = shapesOf([...batch, statesOf(model), ...more], inputs);
  if (shapes === undefined) return "the batch holds more than tensors";
  const trained = kind === "compute" ? trainedIn(learner) : [];
  if (!trained) return "no weight is trained";
  return {
    kind,
    objects: [
      ...[heap, model, lossFunction, current, stages.predict, compile],
      ...listeners,
      ...trained,
    ],
    text: `${objective} ${shapes} ${settingsOf(model)} ${settingsOf(own)}`,
    heap,
    inputs,
  };
}

/** Everything on which a step depends. */
export interface StepKey {
  readonly kind: StepKind;
  readonly objects: readonly unknown[];
  readonly text: string;
  readonly heap: KernelHeap;
  /** The tensors of the current batch, the states of recurrent layers, and those of callbacks. */
  inputs: tf.Tensor[];
}

/** Whether two steps are the same. The first takes the batch of the second. */
export function isSameKey(a: StepKey, b: StepKey): boolean {
  const same = a.kind === b.kind && a.text === b.text && a.objects.length === b.objects.length &&
    a.objects.every((object, i) => object === b.objects[i]);
  if (same) a.inputs = b.inputs;
  return same;
}

/** Why a step cannot be compiled, whatever its batch. */
export function whyEager(learner: AnyFields, kind: StepKind): string | undefined {
  const { compile, stages, model } = learner;
  if (compile === false) return "compile is false";
  if (!stepTools()?.heapOf(tf.backend())) {
    return `the backend "${tf.getBackend()}" lacks our kernels`;
  }
  if (!isBuilt(model)) return "the model has no weights yet";
  const engine = tf.engine() as unknown as { state: { profiling: boolean } };
  if (engine.state.profiling || tf.env().getBool("DEBUG")) return "operations are profiled";
  for (const name of ["predict", "loss", "gradients"] as const) {
    if (stages[name] !== DEFAULT_STAGES[name]) return `the stage ${name} is replaced`;
  }
  if (compile) return;
  if (currentObjective(learner)?.predict) return "an objective predicts by a function of its own";
  if (kind !== "predict" && !isPure(learner.lossFunction)) {
    return "the loss function may depend on more than its arguments";
  }
  return whyNotStock(model);
}

function trainedIn(learner: AnyFields): tf.Variable[] | undefined {
  try {
    return variablesToTrain(learner);
  } catch {
    return;
  }
}

/**
 * The structure, shapes and types of a batch, and which of its tensors share their elements.
 *
 * @param nested The batch.
 * @param into Takes its tensors, in their order.
 */
function shapesOf(nested: unknown, into: tf.Tensor[]): string | undefined {
  if (nested instanceof tf.Tensor) {
    const first = into.findIndex(({ dataId }) => dataId === nested.dataId);
    into.push(nested);
    return `${nested.shape} ${nested.dtype} ${first < 0 ? into.length - 1 : first}`;
  }
  if (typeof nested !== "object" || nested === null) return JSON.stringify(nested) ?? "undefined";
  const prototype = Object.getPrototypeOf(nested);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return;
  const parts = Object.entries(nested).map(([name, inner]) => {
    const text = shapesOf(inner, into);
    return text === undefined ? undefined : `${JSON.stringify(name)}: ${text}`;
  });
  return parts.includes(undefined) ? undefined : `{${parts.join()}}`;
}
