import type { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { decodeState, encodeState } from "../io/state_codec.ts";
import { type HostTensor, readTensors, toTensor } from "../io/host_tensor.ts";
import { renaming } from "../learner/check_match.ts";
import { isBuilt, variablesOf } from "../model/model.ts";
import {
  disposeSlots,
  type OptimizersState,
  readOptimizers,
  restoreOptimizers,
} from "../learner/learner_optimizers.ts";
import { broadcastBundle, type Bundle } from "./bundle.ts";
import type { World } from "./world.ts";

interface Start {
  readonly names: readonly string[];
  readonly shapes: readonly string[];
  readonly optimizers: unknown;
  readonly seed: number;
}

/**
 * Gives every rank the weights, the states of optimizers, the learning rates and the seed of rank 0.
 *
 * @throws {TypeError} If the models differ, or a model has no weights yet.
 */
export async function broadcastLearner(world: World, learner: AnyLearner): Promise<void> {
  const variables = builtVariables(learner);
  const own = world.rank === 0 ? await bundleOf(learner, variables) : undefined;
  const { json, tensors } = broadcastBundle(world, own);
  const { names, shapes, optimizers, seed } = json as Start;
  learner.seed = seed;
  if (world.rank === 0) return;
  const actual = shapesOf(variables);
  if (`${actual}` !== `${shapes}`) {
    throw new TypeError(
      "Cannot train as all ranks must have the same model: rank 0 has weights of shapes " +
        `${shapes.join(", ")}, rank ${world.rank} has ${actual.join(", ")}`,
    );
  }
  variables.forEach((variable, index) => {
    const value = toTensor(tensors.get(`weights/${index}`)!);
    variable.assign(value);
    value.dispose();
  });
  const rename = renaming(names.map((name, index) => [name, variables[index].name]));
  const states = decodeState(optimizers, tensors, { rename }) as OptimizersState;
  restoreOptimizers(learner, states, rename);
}

async function bundleOf(learner: AnyLearner, variables: tf.Variable[]): Promise<Bundle> {
  const tensors = new Map<string, tf.Tensor | HostTensor>();
  const optimizers = readOptimizers(learner);
  try {
    const json: Start = {
      names: variables.map(({ name }) => name),
      shapes: shapesOf(variables),
      optimizers: encodeState(optimizers, "optimizers", tensors),
      // Without a common seed, each rank would draw an order of its own.
      seed: learner.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
    };
    variables.forEach((variable, index) => tensors.set(`weights/${index}`, variable));
    return { json, tensors: await readTensors(tensors) };
  } finally {
    disposeSlots(optimizers);
  }
}

function builtVariables({ model }: AnyLearner): tf.Variable[] {
  if (!isBuilt(model) && (model as tf.Sequential).outputs?.length > 0) {
    (model as tf.Sequential).build();
  }
  if (isBuilt(model)) return variablesOf(model);
  throw new TypeError(
    "Cannot train on several ranks as the model must have weights: " +
      "give its first layer an inputShape",
  );
}

function shapesOf(variables: tf.Variable[]): string[] {
  return variables.map(({ dtype, shape }) => `[${shape}] ${dtype}`);
}
