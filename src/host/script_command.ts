import { hostProcess } from "./host_process.ts";

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
