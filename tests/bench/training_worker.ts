/**
 * Trains one model after another in a process of its own, on command: reads lines of a model and a
 * number of steps, and answers each with milliseconds a step.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { adam, crossEntropy, Learner, type NativeName, selectBackend, tf } from "../../mod.ts";
import { importWasm } from "../../src/deps/tfjs.ts";
import { batchOf, models } from "./models.ts";

/** The training of a worker. */
export interface Variant {
  /** `ours`, or the backend with tfjs's own kernels. */
  kernels: "ours" | "wasm" | "cpu";
  /** A Learner, a plain loop, or tfjs's `model.fit`. */
  loop: "learner" | "plain" | "fit";
  /** Our optimizer and loss, or those of tfjs. */
  parts: "ours" | "tfjs";
  threads?: number;
  /** The native library of our kernels. */
  native?: NativeName;
  /** Whether products are computed in vectors of 256 bits. */
  machineCode?: boolean;
  /** Whether steps are compiled. Default: where that is known to be safe. */
  compile?: boolean;
}

const { kernels, loop, parts, threads, native, machineCode, compile } = JSON.parse(
  Deno.args[0],
) as Variant;

if (kernels === "ours") {
  await selectBackend({ prefer: "wasm", threads, native, machineCode, quiet: true });
} else {
  if (kernels === "wasm") await importWasm();
  await tf.setBackend(kernels);
}

type Steps = (count: number) => Promise<void>;

/** Builds a model, and how to train it for some steps. */
function prepare(name: string): Steps {
  const { classes, batch, build } = models[name];
  const model = build();
  const [data, labels] = batchOf(models[name]);
  const onehot = tf.variable(tf.oneHot(labels, classes).toFloat(), false);
  if (loop === "fit") {
    model.compile({
      optimizer: tf.train.adam(1e-3),
      loss: (y, x) => tf.losses.softmaxCrossEntropy(y, x),
    });
    return async (count) => {
      const [many, answers] = [data, onehot].map((tensor) => tf.concat(Array(count).fill(tensor)));
      await model.fit(many, answers, {
        batchSize: batch,
        shuffle: false,
        verbose: 0,
        yieldEvery: "never",
      });
      tf.dispose([many, answers]);
    };
  }
  const optimizer = parts === "ours" ? adam(1e-3) : tf.train.adam(1e-3);
  const [lossFunction, answers] = parts === "ours"
    ? [crossEntropy, labels]
    : [(x: tf.Tensor, y: tf.Tensor) => tf.losses.softmaxCrossEntropy(y, x).asScalar(), onehot];
  if (loop === "learner") {
    const batches = function* (count: number) {
      for (let i = 0; i < count; i++) yield [data, answers] as [tf.Tensor, tf.Tensor];
    };
    // One for all turns: it keeps its compiled steps.
    const learner = new Learner({ model, optimizer, lossFunction, compile });
    return async (count) => {
      learner.dataloaders.train = { [Symbol.iterator]: () => batches(count) };
      await learner.train();
    };
  }
  return async (count) => {
    let last: tf.Scalar | null = null;
    for (let i = 0; i < count; i++) {
      last?.dispose();
      last = optimizer.minimize(
        () => lossFunction(model.apply(data, { training: true }) as tf.Tensor, answers),
        true,
      );
    }
    await last?.data();
    last?.dispose();
  };
}

const prepared = new Map<string, Steps>();
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
  new TextLineStream(),
);
for await (const line of lines) {
  const [name, count] = line.split(" ");
  let train = prepared.get(name);
  if (!train) prepared.set(name, train = prepare(name));
  // Its memory may have left the caches while others had their turns.
  await train(Math.ceil(Number(count) / 4));
  const start = performance.now();
  await train(Number(count));
  console.log((performance.now() - start) / Number(count));
}
