/**
 * Standard output.
 *
 * @module
 */
import { builtinModule } from "./builtin_module.ts";
import { hostProcess } from "./host_process.ts";

/** Number of the file of standard output. */
const STANDARD_OUTPUT = 1;

/** Pause before the next attempt to write to a pipe that is full, in ms. */
const FULL = 2;

/** Whether standard output is a terminal that may be drawn on. */
export function isTerminal(): boolean {
  const tty = builtinModule<{ isatty(file: number): boolean }>("node:tty");
  return tty !== undefined && !isPlain() && tty.isatty(STANDARD_OUTPUT);
}

/** The variable is read without permission on Deno. */
function isPlain(): boolean {
  return typeof Deno === "undefined" ? Boolean(hostProcess?.env.NO_COLOR) : Deno.noColor;
}

/** The width of the terminal in characters; without a terminal, 80. */
export function terminalColumns(): number {
  if (!isTerminal()) return 80;
  return hostProcess?.stdout.columns ?? 80;
}

/** Writes to standard output at once, unless its other end is closed. */
export function writeToTerminal(bytes: Uint8Array): void {
  const { writeSync } = builtinModule<
    { writeSync(file: number, bytes: Uint8Array): number }
  >("node:fs")!;
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STANDARD_OUTPUT, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL);
    }
  }
}
