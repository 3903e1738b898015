import { tf } from "../deps/tfjs.ts";
import type { LiveMemory } from "./messages.ts";

/** Measures the memory in use. */
export function memoryInUse(): LiveMemory {
  const { numTensors: tensors, numBytes: bytes } = tf.memory();
  return { tensors, bytes, heap: heapUsed() };
}

function heapUsed(): number | null {
  if (typeof Deno !== "undefined") return Deno.memoryUsage().heapUsed;
  const { memory } = performance as { memory?: { usedJSHeapSize: number } };
  return memory?.usedJSHeapSize ?? null;
}
