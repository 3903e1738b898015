/**
 * The package for npm, installed into an empty folder, and the runtimes that use it.
 *
 * @module
 */
import { buildNpm } from "../../scripts/build_npm.ts";

/** The outcome of a command. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAMS = new URL("programs/", import.meta.url);

/** Installed for the tests of types and bundles, beside the package. */
const TOOLS = [
  ...["typescript@5.9.3", "esbuild@0.28.2", "vite@8.4.0", "rollup@4.68.8"],
  ...["@rollup/plugin-node-resolve@16.0.3", "@rollup/plugin-commonjs@29.0.3"],
];

/** Packages of npm that hold a runtime, and the code with which it prints its own path. */
const RUNTIMES = ["node@22", "node@24", "bun"];

/** Runs a command in a folder. */
export async function run(folder: string, command: string, ...args: string[]): Promise<Ended> {
  const output = await new Deno.Command(command, {
    args,
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code: output.code, stdout, stderr };
}

/** Runs a command that must succeed; returns what it prints. */
export async function succeed(folder: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(folder, command, ...args);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed in ${folder}:\n${stdout}\n${stderr}`);
}

/** Makes the package, packs it and installs it; returns the folder, with the programs in it. */
export async function install(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "everywhere" });
  await buildNpm(`${folder}/npm`);
  await Deno.mkdir(`${folder}/app/programs`, { recursive: true });
  const app = `${folder}/app`;
  const packed = await succeed(`${folder}/npm`, "npm", "pack", "--json", "--pack-destination", app);
  const [{ filename }] = JSON.parse(packed) as { filename: string }[];
  await Deno.writeTextFile(`${app}/package.json`, '{ "private": true, "type": "module" }\n');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  await succeed(app, "npm", "install", ...flags, `./${filename}`, ...TOOLS);
  for await (const { name } of Deno.readDir(PROGRAMS)) {
    await Deno.copyFile(new URL(name, PROGRAMS), `${app}/programs/${name}`);
  }
  return app;
}

/** The command of each runtime, by name. */
export async function findRuntimes(): Promise<Record<string, readonly string[]>> {
  const flags = ["run", "-A", "--quiet", "--no-lock", "--node-modules-dir=manual"];
  const runtimes: Record<string, readonly string[]> = { deno: [Deno.execPath(), ...flags] };
  for (const name of RUNTIMES) {
    const path = await succeed(".", "npx", "-y", name, "-p", "process.execPath");
    runtimes[name] = [path.trim()];
  }
  return runtimes;
}
