/**
 * The steps of a Learner: the key of a step, which is everything on which it may depend, so that two steps
 * with the same key are the same sequence of operations, and the compiled step of each key.
 *
 * @module
 */
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import { CompiledStep, type StepKey, type StepKind, type StepState } from "./compiled_step.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { StepOf } from "./step.ts";
import { stepTools } from "../backend/recording/step_tools.ts";
import { tf } from "../deps/tfjs.ts";
import { isPure } from "../losses/loss_inputs.ts";
import { isBuilt } from "../model/model.ts";
import { factsOf, type ModelFacts } from "../model/model_structure.ts";
import { currentObjective, DEFAULT_STAGES, objectiveModel, variablesToTrain } from "./own_steps.ts";

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
function keyOf(
  { learner }: StepOf,
  kind: StepKind,
  listeners: readonly AnyCallback[],
): StepKey | string {
  const { model, stages, lossFunction, objective, compile } = learner;
  const reason = whyEagerAnyModel(learner, kind);
  if (reason !== undefined) return reason;
  const facts = factsOf(model);
  if (!compile && facts.notStock !== undefined) return facts.notStock;
  const more = listeners.map((callback) => STEP_INPUTS.get(callback)?.(learner));
  const other = more.indexOf(undefined);
  if (other >= 0) return `${nameOf(listeners[other])} acts in the middle of the step`;
  const heap = stepTools()!.heapOf(tf.backend())!;
  const current = currentObjective(learner);
  const own = current && objectiveModel(current);
  const objects: unknown[] = [heap, model, lossFunction, current, stages.predict, compile];
  const ownFacts = own && own !== model ? factsOf(own) : undefined;
  objects.push(objective, facts.settings, ownFacts?.settings, ...listeners);
  if (kind === "compute") {
    const trained = (!current && facts.trained) || trainedIn(learner);
    if (!trained?.length) return "no weight is trained";
    objects.push(...trained);
  }
  const inputs: tf.Tensor[] = [];
  const { data, labels, weights } = learner;
  const isPlain = addShapes(data, objects, inputs) && (kind === "predict" ||
    addShapes(labels, objects, inputs) && addShapes(weights, objects, inputs)) &&
    addShapes(statesIn(facts.stateful), objects, inputs) &&
    addShapes(statesIn(ownFacts?.stateful ?? []), objects, inputs) &&
    addShapes(more, objects, inputs);
  if (!isPlain) return "the batch holds more than tensors";
  const isVouchedFor = compile === true &&
    (facts.notStock !== undefined || whyImpure(learner, kind) !== undefined);
  objects.push(isVouchedFor);
  return { kind, objects, heap, isVouchedFor, inputs };
}

/** Whether two steps are the same. The first takes the batch of the second. */
function isSameKey(a: StepKey, b: StepKey): boolean {
  if (a.kind !== b.kind || a.objects.length !== b.objects.length) return false;
  for (let i = 0; i < a.objects.length; i++) if (a.objects[i] !== b.objects[i]) return false;
  a.inputs = b.inputs;
  return true;
}

/** Why a step cannot be compiled, whatever its batch. */
function whyEager(learner: AnyFields, kind: StepKind): string | undefined {
  return whyEagerAnyModel(learner, kind) ??
    (learner.compile ? undefined : factsOf(learner.model).notStock);
}

/** The same, but for the layers of the model. */
function whyEagerAnyModel(learner: AnyFields, kind: StepKind): string | undefined {
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
  if (!compile) return whyImpure(learner, kind);
}

/** Why functions of a user's may depend on more than their arguments. */
function whyImpure(learner: AnyFields, kind: StepKind): string | undefined {
  if (currentObjective(learner)?.predict) return "an objective predicts by a function of its own";
  if (kind !== "predict" && !isPure(learner.lossFunction)) {
    return "the loss function may depend on more than its arguments";
  }
}

function trainedIn(learner: AnyFields): tf.Variable[] | undefined {
  try {
    return variablesToTrain(learner);
  } catch {
    return;
  }
}

function statesIn(layers: ModelFacts["stateful"]): tf.Tensor[] {
  const states: tf.Tensor[] = [];
  for (const { states_ } of layers) if (states_) states.push(...states_);
  return states;
}

/**
 * Adds the structure, shapes and types of a batch to a key, and which tensors share their elements.
 *
 * @param nested The batch.
 * @param objects Takes them.
 * @param into Takes the tensors, in their order.
 * @returns Whether the batch holds nothing but tensors and plain values.
 */
function addShapes(nested: unknown, objects: unknown[], into: tf.Tensor[]): boolean {
  if (nested instanceof tf.Tensor) {
    let first = 0;
    while (first < into.length && into[first].dataId !== nested.dataId) first++;
    into.push(nested);
    const { shape } = nested;
    objects.push(first, nested.dtype, shape.length);
    for (let axis = 0; axis < shape.length; axis++) objects.push(shape[axis]);
    return true;
  }
  if (typeof nested !== "object" || nested === null) {
    objects.push(JSON.stringify(nested));
    return true;
  }
  if (Array.isArray(nested) && Object.getPrototypeOf(nested) === Array.prototype) {
    objects.push("[", nested.length);
    for (const inner of nested) if (!addShapes(inner, objects, into)) return false;
    return true;
  }
  if (Object.getPrototypeOf(nested) !== Object.prototype) return false;
  const names = Object.keys(nested);
  objects.push("{", names.length);
  for (const name of names) {
    objects.push(name);
    if (!addShapes((nested as Record<string, unknown>)[name], objects, into)) return false;
  }
  return true;
}

/** Number of steps with different keys that are kept at the same time. */
const KEPT = 8;

/**
 * Takes the steps of a Learner. Of each kind and shape, the first step is taken operation by operation;
 * so are the second and the third, which are recorded. If both recordings agree, the following ones
 * are played back: that gives the same bits, without the work of TensorFlow.js's engine.
 *
 * A step that may depend on more than its inputs is always taken operation by operation. Between two
 * runs, recordings are kept without their memory, but for that of small predictions.
 */
export class CompiledSteps {
  /** The one that was used last comes first. */
  readonly #programs: CompiledStep[] = [];
  #state: StepState | undefined;

  /** The way in which the last step was taken; `undefined` before the first. */
  get state(): StepState | undefined {
    return this.#state;
  }

  /**
   * Takes a step.
   *
   * @param step The step.
   * @param kind Its kind.
   * @param listeners The callbacks with a hook in the middle of the step.
   * @param eager Takes it operation by operation.
   */
  take(
    step: StepOf,
    kind: StepKind,
    listeners: readonly AnyCallback[],
    eager: (step: StepOf) => void,
  ): void {
    const key = keyOf(step, kind, listeners);
    if (typeof key === "string") {
      this.#state = { way: "eager", reason: key };
      return eager(step);
    }
    let program = this.#programs.find((other) => isSameKey(other.key, key));
    if (program) this.#programs.splice(this.#programs.indexOf(program), 1);
    else program = new CompiledStep(step.learner, key);
    this.#programs.unshift(program);
    this.#programs.splice(KEPT).forEach((old) => old.dispose());
    try {
      program.take(step, () => eager(step));
    } finally {
      this.#state = program.state;
    }
  }

  /** Frees the memory of all recordings, at the end of a run, except that of small predictions. */
  release(): void {
    for (const program of this.#programs) program.endRun();
  }
}

/** Describes how the steps of a Learner are taken; `last` is the state of the last one, if any. */
export function describeSteps(learner: AnyFields, last: StepState | undefined): string {
  const reason = last?.reason ?? whyEager(learner, "compute");
  return reason === undefined ? "compiled" : `operation by operation, as ${reason}`;
}
