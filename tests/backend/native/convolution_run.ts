/**
 * A training of a network by a native library, which computes everything that it can:
 * `deno run convolution_run.ts OPTIONS`, where OPTIONS is a {@linkcode RunOptions} as JSON.
 *
 * @module
 */
import {
  adam,
  type BackendOptions,
  crossEntropy,
  DataLoader,
  Learner,
  saveCheckpoint,
  selectBackend,
  TensorDataset,
  tf,
  withSeed,
} from "../../../mod.ts";
import { addressOf } from "../../../src/backend/native/foreign.ts";
import { WORTHWHILE } from "../../../src/backend/native/native_kernels.ts";

export interface RunOptions extends Pick<BackendOptions, "native" | "threads"> {
  /** Whether steps may be played back. Default: true. */
  compile?: boolean;
  /** A checkpoint to continue from. */
  from?: string;
  /** A file for the checkpoint in the middle of the second epoch. */
  save?: string;
}

export interface RunOutcome {
  /** The choice of the backend. */
  reason: string;
  native?: string;
  /** Bits of the weights. */
  weights: string;
  trainLoss: number;
  /** Number of steps that were played back. */
  played: number;
  /** Number of tensors that are left. */
  left: number;
  /** Number of addresses that the heap had. */
  addresses: number;
  /** Number of threads with the name of the main thread that were started. */
  threads: number;
}

export async function convolutionRun(
  { from, save, compile = true, ...options }: RunOptions,
): Promise<RunOutcome> {
  const threadsBefore = threadsHere();
  const { reason, native } = await selectBackend({ prefer: "wasm", ...options, quiet: true });
  Object.assign(WORTHWHILE, { product: 0, convolution: 0, elements: 0, columns: 0, share: 0 });
  const before = tf.memory().numTensors;
  const model = withSeed(3, build);
  const data = {
    values: Float32Array.from({ length: 44 * 507 }, (_, i) => Math.sin(i * i)),
    shape: [44, 13, 13, 3],
  };
  const labels = { values: Int32Array.from({ length: 44 }, (_, i) => i * i % 5), shape: [44] };
  const addresses = new Set<bigint>();
  const large: tf.Tensor[] = [];
  let played = 0;
  const learner = new Learner({
    model,
    optimizer: adam(1e-3),
    lossFunction: crossEntropy,
    dataloaders: {
      // The last batch has another size.
      train: new DataLoader({
        dataset: new TensorDataset({ data, labels }),
        batchSize: 8,
        shuffle: true,
      }),
    },
    compile,
    callbacks: [{
      name: "Watch",
      async afterBatch({ epoch, batchIndex }) {
        const { HEAPU8 } = (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm;
        if (native) addresses.add(addressOf(HEAPU8));
        if (learner.stepState?.way === "played") played++;
        // The heap grows in mid-run.
        large.push(tf.zeros([2 ** 20]));
        if (save && epoch === 1 && batchIndex === 2) {
          await saveCheckpoint(save, await learner.checkpoint());
        }
      },
    }],
    seed: 5,
  });
  const { trainLoss } = await learner.train(from ? { from } : { epochs: 3 });
  const weights = model.getWeights().map((weight) =>
    new Uint8Array(weight.dataSync().slice().buffer).toHex()
  ).join();
  tf.dispose(large);
  model.dispose();
  learner.optimizer.dispose();
  return {
    ...{ reason, native, weights, trainLoss: trainLoss!, played, addresses: addresses.size },
    left: tf.memory().numTensors - before,
    threads: threadsHere() - threadsBefore,
  };
}

/** Layers that lead to every operation of a library. */
function build(): tf.LayersModel {
  const { layers } = tf;
  const chain = (input: tf.SymbolicTensor, ...chained: tf.layers.Layer[]) =>
    chained.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  const input = tf.input({ shape: [13, 13, 3] });
  const rows = chain(
    input,
    layers.conv2d({ filters: 16, kernelSize: 3, activation: "relu" }),
    layers.maxPooling2d({ poolSize: 3, strides: 2, padding: "same" }),
    layers.depthwiseConv2d({ kernelSize: 3, padding: "same" }),
    layers.averagePooling2d({ poolSize: 2, strides: 1 }),
    layers.conv2d({ filters: 24, kernelSize: 3, strides: 2, padding: "same" }),
    layers.batchNormalization(),
    layers.flatten(),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 40, activation: "tanh" }),
    layers.reshape({ targetShape: [8, 5] }),
    layers.layerNormalization(),
  );
  const products = layers.dot({ axes: 2 }).apply([rows, rows]) as tf.SymbolicTensor;
  const outputs = chain(products, layers.softmax(), layers.flatten(), layers.dense({ units: 5 }));
  return tf.model({ inputs: input, outputs });
}

/** Number of threads that have the name of the main thread, as those of a library do. */
function threadsHere(): number {
  const tasks = "/proc/self/task";
  const { state } = Deno.permissions.querySync({ name: "sys" });
  if (Deno.build.os !== "linux" || state !== "granted") return 0; // `proc` needs all permissions
  const names = [...Deno.readDirSync(tasks)].map(({ name }) => {
    try {
      return Deno.readTextFileSync(`${tasks}/${name}/comm`);
    } catch {
      return ""; // it has ended
    }
  });
  return names.filter((name) => name === "deno\n").length;
}

if (import.meta.main) {
  console.log(JSON.stringify(await convolutionRun(JSON.parse(Deno.args[0]))));
}
