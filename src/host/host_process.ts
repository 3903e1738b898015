/**
 * The process, its end and its threads, and its runtime: Deno, Node or Bun.
 *
 * @module
 */

/** Signals that ask a process to end. */
export type EndSignal = "SIGINT" | "SIGTERM";

/** Events of errors that nothing has caught. */
type UnhandledError = "uncaughtException" | "unhandledRejection";

/** The parts of `process` in use, which Deno, Node and Bun share. */
interface HostProcess {
  readonly pid: number;
  readonly platform: string;
  /** The runtime, the flags for it, and the arguments: the runtime, the script and those after it. */
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  readonly env: Record<string, string | undefined>;
  exitCode?: number | string | null;
  readonly stdout: { readonly columns?: number };
  exit(code: number): never;
  kill(pid: number, signal: string | 0): void;
  on(signal: EndSignal, handler: () => void): void;
  off(event: EndSignal | UnhandledError, handler: () => void): void;
  listeners(event: UnhandledError): (() => void)[];
  getBuiltinModule(name: string): unknown;
}

/** The current process; `undefined` in a browser. */
export const hostProcess: HostProcess | undefined = findProcess();

function findProcess(): HostProcess | undefined {
  const { process } = globalThis as unknown as { process?: HostProcess };
  // Some bundlers give a page a `process` with no more than `env`.
  return process?.getBuiltinModule ? process : undefined;
}

/**
 * Returns a built-in module of Node, which Deno and Bun have as well.
 *
 * It is not imported: a browser could not load a module with such an import, and a bundler for
 * browsers would refuse it.
 *
 * @param name Name of the module, such as `node:fs`.
 * @returns The module; `undefined` in a browser.
 */
export function builtinModule<T>(name: string): T | undefined {
  return hostProcess?.getBuiltinModule(name) as T | undefined;
}

/** A permission of Deno. */
type Permission =
  | { name: "ffi" }
  | { name: "read"; path: string }
  | { name: "env"; variable: string };

/** Whether a permission is granted, without asking for it; runtimes without permissions grant all. */
export function isGranted(permission: Permission): boolean {
  return typeof Deno === "undefined" ||
    Deno.permissions.querySync(permission).state === "granted";
}

/** The script that the process runs: a path, or on Deno a URL. */
export function mainScript(): string {
  return typeof Deno === "undefined" ? hostProcess!.argv[1] : Deno.mainModule;
}

/**
 * The arguments with which the runtime, `process.execPath`, runs this script again.
 *
 * @param flags Flags of `deno run`; other runtimes get those of this process.
 */
export function scriptCommand(flags: readonly string[]): string[] {
  const { execArgv, argv } = hostProcess!;
  const start = typeof Deno === "undefined" ? execArgv : ["run", "--quiet", ...flags];
  return [...start, mainScript(), ...argv.slice(2)];
}

/** Whether colours and drawings are unwanted. Deno reads the variable without a permission. */
export function noColor(): boolean {
  return typeof Deno === "undefined" ? Boolean(hostProcess?.env.NO_COLOR) : Deno.noColor;
}

/**
 * Listens for the first request to end the process, SIGINT or SIGTERM (on Windows, SIGINT only); a
 * second one ends it as usual. A browser has no such requests.
 *
 * @param heard Called with the signal.
 * @returns A function that ends the listening.
 */
export function onTermination(heard: (signal: EndSignal) => void): () => void {
  if (!hostProcess) return () => {};
  const { platform } = hostProcess;
  const names: EndSignal[] = platform === "win32" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    for (const [name, handler] of handlers.splice(0)) hostProcess!.off(name, handler);
  };
  const handlers = names.map((name) => {
    const handler = () => {
      stop();
      heard(name);
    };
    hostProcess!.on(name, handler);
    return [name, handler] as const;
  });
  return stop;
}

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
