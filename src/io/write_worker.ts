/**
 * Writes one file on a thread of its own. It posts a message when it is ready, receives the arguments
 * of `writeSafetensors`, and posts the result.
 *
 * @module
 */
import { writeSafetensors } from "./write_safetensors.ts";

/** The global scope of a worker, which has another type than that of a page. */
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
