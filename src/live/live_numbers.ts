/**
 * Numbers that the page shows.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { LiveMemory } from "./messages.ts";

/** The number as JSON can hold it: `null` for NaN, infinities and a missing number. */
export function jsonNumber(value: number | undefined): number | null {
  return Number.isFinite(value) ? value as number : null;
}

/** A record of numbers as JSON can hold it. */
export function jsonNumbers(values: Record<string, number>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, jsonNumber(value)]),
  );
}

/** The current learning rate; `null` if the optimizer has none. */
export function currentRate(learner: AnyLearner): number | null {
  try {
    return learner.learningRate;
  } catch {
    return null;
  }
}

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
