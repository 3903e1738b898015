import { tf } from "../deps/tfjs.ts";
import type { LiveMemory } from "./messages.ts";

/** Measures the memory in use. */
export function memoryInUse(): LiveMemory {
  const { numTensors: tensors, numBytes: bytes } = tf.memory();
  return { tensors, bytes, heap: heapUsed() };
}

function heapUsed(): number | null {
  const { process } = globalThis as { process?: { memoryUsage?(): { heapUsed: number } } };
  if (process?.memoryUsage) return process.memoryUsage().heapUsed;
  const { memory } = performance as { memory?: { usedJSHeapSize: number } }; // Chromium only
  return memory?.usedJSHeapSize ?? null;
}
