import { nodeThreads, threadModule, type Worker } from "../deps/node_worker_threads.ts";
import type { HostTensor } from "./host_tensor.ts";
import { writeSafetensors } from "./safetensors_format.ts";

/** Number of bytes from which a thread of its own pays: its start takes about 20 ms. */
const LARGE = 1 << 26;

/**
 * Does the work of {@linkcode writeSafetensors} on another thread if the tensors are large, so that
 * the training is not held up.
 *
 * @param path Path of the file. An older file is replaced in a single step.
 * @param tensors Tensors by name. They are empty after the call: their memory is moved, not copied.
 * @param metadata Texts by name.
 * @throws {Error} If the file system fails. An older file is then unchanged.
 */
export async function writeInBackground(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const buffers = new Set(Array.from(tensors.values(), ({ values }) => values.buffer));
  const size = [...buffers].reduce((size, { byteLength }) => size + byteLength, 0);
  const worker = size < LARGE ? undefined : await startWorker();
  if (!worker) return await writeSafetensors(path, tensors, metadata);
  try {
    const answer = nextAnswer(worker);
    worker.postMessage([path, tensors, metadata], [...buffers] as ArrayBuffer[]);
    const { failure } = await answer;
    if (failure !== undefined) throw new Error(failure);
  } finally {
    await worker.terminate();
  }
}

/** Returns `undefined` if the program may not read its own modules, or has no workers. */
async function startWorker(): Promise<Worker | undefined> {
  const threads = nodeThreads();
  if (!threads) return;
  const module = threadModule(new URL("./write_worker.ts", import.meta.url));
  const worker = new threads.Worker(module, {});
  try {
    await nextAnswer(worker);
    return worker;
  } catch {
    await worker.terminate();
  }
}

function nextAnswer(worker: Worker): Promise<{ failure?: string }> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
}
