/**
 * The process and its runtime: Deno, Node or Bun.
 *
 * @module
 */

/** Signals that ask a process to end. */
export type EndSignal = "SIGINT" | "SIGTERM";

/** Events of errors that nothing has caught. */
export type UnhandledError = "uncaughtException" | "unhandledRejection";

/** The parts of `process` in use, which Deno, Node and Bun share. */
export interface HostProcess {
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
}

/** The current process; `undefined` in a browser. */
export const hostProcess: HostProcess | undefined = findProcess();

function findProcess(): HostProcess | undefined {
  const { process } = globalThis as unknown as {
    process?: HostProcess & { getBuiltinModule?: unknown };
  };
  // Some bundlers give a page a `process` with no more than `env`.
  return process?.getBuiltinModule ? process : undefined;
}

/** The part of Node's `process` through which its modules are reached. */
interface Host {
  getBuiltinModule?(name: string): unknown;
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
  const { process } = globalThis as { process?: Host };
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** A permission of Deno. */
export type Permission =
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
