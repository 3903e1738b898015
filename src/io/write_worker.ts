/**
 * Writes one file on a thread of its own. It posts a message when it is ready, receives the arguments
 * of `writeSafetensors`, and posts the result.
 *
 * @module
 */
import { nodeThreads } from "../host/host_process.ts";
import { writeSafetensors } from "./safetensors_format.ts";

const parent = nodeThreads()!.parentPort!;
const answer = (result: { failure?: string }) => parent.postMessage(result);

parent.on("message", async (args: Parameters<typeof writeSafetensors>) => {
  try {
    await writeSafetensors(...args);
    answer({});
  } catch (error) {
    answer({ failure: String(error) });
  }
});
answer({});
