/** Signals that ask a process to end. */
export type EndSignal = "SIGINT" | "SIGTERM";

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
  off(signal: EndSignal, handler: () => void): void;
}

/** The current process; `undefined` in a browser. */
export const hostProcess: HostProcess | undefined = findProcess();

function findProcess(): HostProcess | undefined {
  const { process } = globalThis as { process?: HostProcess & { getBuiltinModule?: unknown } };
  // Some bundlers give a page a `process` with no more than `env`.
  return process?.getBuiltinModule ? process : undefined;
}
