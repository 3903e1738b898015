/**
 * The seam between a Learner and what records its steps: nothing can be recorded without our kernels,
 * and both are loaded once they are started.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import type { matchRecordings } from "./program.ts";
import type { Playback } from "./playback.ts";
import type { Recorder } from "./recorder.ts";

/** Everything with which steps are recorded and played back. */
export interface StepTools {
  /** Returns the heap of our kernels on a backend; `undefined` if the backend has none. */
  heapOf(backend: object): KernelHeap | undefined;
  readonly Recorder: Pick<typeof Recorder, "record">;
  readonly matchRecordings: typeof matchRecordings;
  readonly Playback: typeof Playback;
}

let provided: StepTools | undefined;

/** Makes {@linkcode stepTools} return these tools. */
export function provideStepTools(tools: StepTools): void {
  provided = tools;
}

/** The tools; `undefined` until our kernels are started. */
export function stepTools(): StepTools | undefined {
  return provided;
}
