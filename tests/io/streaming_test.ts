import { assert, assertEquals } from "@std/assert";
import { loadCheckpoint, type RunCheckpoint, saveCheckpoint } from "../../mod.ts";
import type { HostTensor } from "../../io.ts";
import { structureDigest } from "../../src/model/model_structure.ts";

const { state: write } = await Deno.permissions.query({ name: "write" });
const { state: sys } = await Deno.permissions.query({ name: "sys", kind: "systemMemoryInfo" });

const TENSORS = 16;
const GIGABYTE = 1e9;
const roomy = sys === "granted" && Deno.systemMemoryInfo().available > 4 * GIGABYTE;

/** Returns the largest increase of the memory of the process during some work, in bytes. */
async function peakOf<T>(work: () => Promise<T>): Promise<{ result: T; bytes: number }> {
  const start = Deno.memoryUsage().rss;
  let peak = start;
  const watch = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 1);
  try {
    const result = await work();
    return { result, bytes: Math.max(peak, Deno.memoryUsage().rss) - start };
  } finally {
    clearInterval(watch);
  }
}

Deno.test("a checkpoint of 1 GB needs less than 64 MB beyond its tensors, saved and loaded", {
  ignore: write !== "granted" || !roomy,
}, async () => {
  const length = GIGABYTE / 4 / TENSORS;
  const tensors = new Map<string, HostTensor>();
  for (let index = 0; index < TENSORS; index++) {
    const values = new Float32Array(length).fill(index + 1);
    tensors.set(`weights/${index}`, { dtype: "F32", shape: [length], values });
  }
  const checkpoint: RunCheckpoint = {
    format: 1,
    time: new Date(0).toISOString(),
    versions: {},
    epoch: 0,
    batch: 0,
    phase: "train",
    error: null,
    seed: null,
    optimizer: "none",
    model: { digest: await structureDigest([], []), layers: [], weights: [] },
    state: {},
    tensors,
  };
  const path = await Deno.makeTempFile();
  try {
    const saved = await peakOf(() => saveCheckpoint(path, checkpoint));
    assert((await Deno.stat(path)).size > GIGABYTE);
    assert(saved.bytes < 64e6, `${saved.bytes / 1e6} MB to save`);
    const loaded = await peakOf(() => loadCheckpoint(path));
    assert(loaded.bytes - GIGABYTE < 64e6, `${(loaded.bytes - GIGABYTE) / 1e6} MB to load`);
    assert(loaded.bytes > GIGABYTE / 2, "memory is measured");
    for (const [name, { values }] of loaded.result.tensors) {
      assertEquals([values.length, values[0], values.at(-1)], [
        length,
        Number(name.slice(8)) + 1,
        Number(name.slice(8)) + 1,
      ]);
    }
  } finally {
    await Deno.remove(path);
  }
});
