/**
 * Threads that do not keep the process alive, which those of the web do. Only for modules that run
 * in Deno, Node or Bun.
 *
 * @module
 */
import { builtinModule } from "../host/host_process.ts";

/** A thread. */
export interface Worker {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  once(event: "message", listener: (message: never) => void): this;
  once(event: "error", listener: (error: Error) => void): this;
  unref(): void;
  terminate(): Promise<number>;
}

/** The other end of a thread, in that thread. */
interface Parent {
  postMessage(message: unknown): void;
  on(event: "message", listener: (message: never) => void): this;
}

/** `node:worker_threads`, as far as it is used. */
export interface Threads {
  readonly Worker: new (
    source: string | URL,
    options: { eval?: boolean; workerData?: unknown },
  ) => Worker;
  readonly parentPort: Parent | null;
  readonly workerData: unknown;
}

/** The module that a thread runs: it starts from a file, or from code in a `data:` URL only. */
export function threadModule(url: URL): URL {
  if (url.protocol === "file:") return url;
  return new URL(`data:text/javascript,import ${JSON.stringify(url.href)}`);
}

/**
 * Returns the threads of this runtime; `undefined` in a browser. Loading them takes a millisecond,
 * which a program without threads need not spend.
 */
export function nodeThreads(): Threads | undefined {
  return builtinModule("node:worker_threads");
}
