/**
 * Writes one file on a thread of its own: says that it is there, is told what to write, and says how
 * it went.
 *
 * @module
 */
import { writeSafetensors } from "./write_safetensors.ts";

/** The global scope of a worker, which the types of a page do not know. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Parameters<typeof writeSafetensors>>) => void;
  postMessage(answer: { failure?: string }): void;
};

scope.onmessage = async ({ data }) => {
  try {
    await writeSafetensors(...data);
    scope.postMessage({});
  } catch (error) {
    scope.postMessage({ failure: String(error) });
  }
};
scope.postMessage({});
