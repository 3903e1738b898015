/**
 * Trains the models of the zoo or predicts with them on command: reads lines of a model, a batch size
 * (0: its own), `train` or `predict`, and a number of steps; answers each with wall time and CPU time
 * of a step in ms, and the last loss.
 *
 * @module
 */
import process from "node:process";
import { adam, Learner, type NativeName, selectBackend, tf } from "../../../mod.ts";
import { TextLineStream } from "../lines.ts";
import { ZOO } from "./models.ts";

const options = JSON.parse(Deno.args[0]) as {
  threads?: number;
  native?: NativeName;
  machineCode?: boolean;
  compile?: boolean;
};
const { threads, native, machineCode } = options;
await selectBackend({ prefer: "wasm", quiet: true, threads, native, machineCode });

type Steps = (count: number) => Promise<number>;

/** Number of batches of a prediction, whose results are all in memory at the same time. */
const PREDICTED = 32;

/** Variables, which a Learner never disposes: no contender copies or gathers its batches. */
function kept<T extends tf.Tensor | tf.Tensor[]>(tensors: T): T {
  const keep = (tensor: tf.Tensor) => {
    const variable = tf.variable(tensor, false);
    tensor.dispose();
    return variable;
  };
  return (Array.isArray(tensors) ? tensors.map(keep) : keep(tensors)) as unknown as T;
}

function prepare(name: string, size: number, mode: string): Steps {
  const { batch, data, labels, build, loss } = ZOO[name];
  const model = build();
  const x = kept(data(size || batch));
  const { compile } = options;
  // One for all turns: it keeps its compiled steps.
  const learner = new Learner(
    { model, optimizer: adam(1e-3), lossFunction: loss, compile } as never,
  );
  if (mode === "predict") {
    return async (count) => {
      let value = NaN;
      for (let step = 0; step < count; step += PREDICTED) {
        const parts = Array.from(
          { length: Math.min(PREDICTED, count - step) },
          () => ({ data: x }),
        );
        const predictions = await learner.predict(parts as never) as tf.Tensor;
        [value] = await predictions.flatten().slice(0, 1).data();
        predictions.dispose();
      }
      return value;
    };
  }
  const y = kept(labels(size || batch));
  function* batches(count: number) {
    for (let step = 0; step < count; step++) yield [x, y] as [never, never];
  }
  return async (count) => {
    learner.dataloaders.train = { [Symbol.iterator]: () => batches(count) };
    return (await learner.train()).trainLoss;
  };
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

let prepared: { key: string; steps: Steps } | undefined;
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
  new TextLineStream(),
);
for await (const line of lines) {
  const [name, batch, mode, count] = line.split(" ");
  const key = `${name} ${batch} ${mode}`;
  if (prepared?.key !== key) {
    tf.disposeVariables();
    prepared = { key, steps: prepare(name, Number(batch), mode) };
  }
  // The worker's memory may have left the caches while others had their turns.
  if (Number(count) > 1) await prepared.steps(Math.ceil(Number(count) / 4));
  const [began, used] = [performance.now(), cpu()];
  const loss = await prepared.steps(Number(count));
  const steps = Number(count);
  console.log((performance.now() - began) / steps, (cpu() - used) / steps, loss);
}
