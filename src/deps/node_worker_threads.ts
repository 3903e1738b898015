/**
 * Threads that do not keep the process alive, which those of the web do. Only for modules that run
 * in Deno.
 *
 * @module
 */
export { parentPort, Worker, workerData } from "node:worker_threads";
