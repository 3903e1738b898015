import { tf } from "../deps/tfjs.ts";
import { variablesOf } from "../model/model.ts";
import { readOptimizer, restoreOptimizer, setLearningRate } from "../optimizers/optimizer_state.ts";
import { disposeTensors, mapTensors } from "../tensors/nested_tensors.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import { FIELDS } from "./check_state.ts";
import type { AnyFields } from "./learner_fields.ts";
import { optimizersOf } from "./learner_optimizers.ts";

/** A Learner as it was, until it is clear whether it is needed again. */
export interface RememberedLearner {
  /** Runs work that replaces the state of a callback, which can be undone. */
  restoring(callback: AnyCallback, work: () => void | Promise<void>): Promise<void>;
  /** Makes the Learner what it was. */
  undo(): Promise<void>;
  /** Releases everything that was remembered. */
  forget(): void;
}

/** Remembers weights, optimizer and fields of a Learner. Tensors are shared, and not copied. */
export function rememberLearner(learner: AnyFields): RememberedLearner {
  const clone = <T>(nested: T): T => mapTensors(nested, (tensor) => tensor.clone());
  const { seed } = learner;
  const variables = variablesOf(learner.model);
  const weights = variables.map((variable) => variable.clone());
  const optimizers = optimizersOf(learner).map(({ optimizer }) => {
    const { fields, ...others } = readOptimizer(optimizer);
    const { learningRate } = optimizer as { learningRate?: number };
    return { optimizer, state: { ...others, fields: clone(fields) }, learningRate };
  });
  const fields = Object.fromEntries(
    [...Object.keys(FIELDS), "callbacks", "dataloaders", "limits"]
      .map((name) => [name, copyOf(learner[name as keyof AnyFields])]),
  );
  const states: { callback: AnyCallback; state: unknown }[] = [];

  return {
    async restoring(callback, work) {
      states.unshift({ callback, state: clone(stateOf(callback)) });
      await work();
    },
    async undo() {
      for (const { callback, state } of states) {
        try {
          if (state !== undefined) await callback.restore!(state, learner);
        } catch {
          disposeTensors(state); // the callback refuses its own state: it keeps what it has
        }
      }
      variables.forEach((variable, index) => variable.assign(weights[index]));
      tf.dispose(weights);
      for (const { optimizer, state, learningRate } of optimizers) {
        restoreOptimizer(optimizer, state, (name) => name);
        if (learningRate !== undefined) setLearningRate(optimizer, learningRate);
      }
      Object.assign(learner, fields, { seed });
    },
    forget() {
      tf.dispose(weights);
      disposeTensors(states.map(({ state }) => state));
      for (const { state: { slots, fields } } of optimizers) disposeTensors([slots, fields]);
    },
  };
}

/** Callbacks may not be able to tell their state before a run: then it stays as it is restored. */
function stateOf(callback: AnyCallback): unknown {
  try {
    return callback.state?.();
  } catch {
    return undefined;
  }
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...value];
  return typeof value === "object" && value !== null ? { ...value } : value;
}
