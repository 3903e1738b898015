import type { HostTensor } from "./host_tensor.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** From how many bytes on a thread of its own is worth its start, which takes some 20 ms. */
const LARGE = 1 << 26;

/**
 * {@linkcode writeSafetensors}, which takes over the memory of the tensors: where they are large,
 * another thread computes the checksum and writes, and this one is not held up.
 *
 * @param path Where to; an older file there is replaced in a single step.
 * @param tensors What to write, by name. They are empty from then on.
 * @param metadata Text by name.
 * @throws whatever the file system threw; then an older file there is untouched.
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
    worker.terminate();
  }
}

/** None where the program may not read its own modules, or there is no such thing. */
async function startWorker(): Promise<Worker | undefined> {
  const worker = new Worker(new URL("./write_worker.ts", import.meta.url), { type: "module" });
  try {
    await nextAnswer(worker);
    return worker;
  } catch {
    worker.terminate();
  }
}

function nextAnswer(worker: Worker): Promise<{ failure?: string }> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}
