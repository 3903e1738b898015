/**
 * The package for npm in Deno, Node and Bun: `deno task test:everywhere`. It needs npm.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { testBundles } from "./bundles.ts";
import { findRuntimes, install, run, succeed } from "./installed.ts";
import { testPages } from "./pages.ts";

const runtimes = await findRuntimes();
let app = "";
/** The weights of a training without interruptions, by backend: the same in each runtime. */
const trained: Record<string, number[][]> = {};

Deno.test.beforeAll(async () => void (app = await install()));
Deno.test.afterAll(() => Deno.remove(app.replace(/\/app$/, ""), { recursive: true }));

/** The last line that a program prints: its result. */
function resultOf(printed: string): Record<string, unknown> {
  return JSON.parse(printed.trim().split("\n").at(-1)!);
}

/** Runs a program with a new folder as its argument. */
async function runProgram(command: readonly string[], program: string, ...args: string[]) {
  const [runtime, ...flags] = command;
  const folder = await Deno.makeTempDir();
  try {
    return resultOf(
      await succeed(app, runtime, ...flags, `programs/${program}.js`, folder, ...args),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runtimes fuse multiply-adds differently: their last bits differ. */
function assertSameWeights(backend: string, weights: number[][]): void {
  const expected = (trained[backend] ??= weights).flat();
  const actual = weights.flat();
  assertEquals(actual.length, expected.length);
  for (const [i, value] of actual.entries()) assert(Math.abs(value - expected[i]) < 1e-4);
}

/** Does the same in all runtimes at once; returns the results by runtime. */
async function inEach<T>(
  work: (command: readonly string[]) => Promise<T>,
): Promise<Record<string, T>> {
  const results = Object.entries(runtimes).map(async ([name, command]) => {
    try {
      return [name, await work(command)] as const;
    } catch (cause) {
      throw new Error(`It fails in ${name}: ${(cause as Error).message}`, { cause });
    }
  });
  return Object.fromEntries(await Promise.all(results));
}

/** The same result for each runtime. */
function each<T>(result: T): Record<string, T> {
  return Object.fromEntries(Object.keys(runtimes).map((name) => [name, result]));
}

const NAMES = Object.keys(runtimes).join(", ");

Deno.test(`${NAMES}: the same training, with callbacks, logs and checkpoints`, async () => {
  const results = await inEach(async (command) => {
    const { weights, ...rest } = await runProgram(command, "train");
    assertSameWeights("wasm", weights as number[][]);
    return rest;
  });
  assertEquals(
    results,
    each({
      backend: "wasm",
      status: "completed",
      hooks: ["beforeTrain", ...Array(4).fill("afterEpoch"), "afterTrain"],
      accuracy: true,
      rows: 5,
      records: 6,
      files: ["00000005-train-epoch-0004-batch-000003.safetensors"],
      epoch: 4,
      left: 8,
    }),
  );
});

Deno.test(`${NAMES}: threads`, async () => {
  const results = await inEach(async (command) => {
    const { weights, ...rest } = await runProgram(command, "threads");
    assertSameWeights("wasm", weights as number[][]);
    return rest;
  });
  assertEquals(results, each({ reason: true, status: "completed" }));
});

Deno.test(`${NAMES}: a training that was killed resumes, and one that Ctrl+C ended`, async () => {
  await inEach(async ([runtime, ...flags]) => {
    const folder = await Deno.makeTempDir();
    const args = [...flags, "programs/resume.js", folder];
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const saved = new Set(await namesIn(folder));
      const child = new Deno.Command(runtime, {
        args: [...args, "50"],
        cwd: app,
        stdout: "piped",
        stderr: "null",
      }).spawn();
      while ((await namesIn(folder)).every((name) => saved.has(name))) await wait(10);
      child.kill(signal);
      const { code, stdout } = await child.output();
      if (signal === "SIGKILL") assertNotEquals(code, 0);
      else assertEquals(resultOf(new TextDecoder().decode(stdout)).status, "cancelled");
    }
    const { status, weights } = resultOf(await succeed(app, runtime, ...args));
    assertEquals(status, "completed");
    const whole = await runProgram([runtime, ...flags], "resume");
    assertSameWeights("cpu", whole.weights as number[][]);
    assertSameWeights("cpu", weights as number[][]);
    await Deno.remove(folder, { recursive: true });
  });
});

for (
  const [program, expected] of Object.entries({
    lock: { refused: true },
    page: { title: true, points: true, status: "cancelled", url: null },
    plots: { svg: true, png: true },
    sweep: { trials: ["completed", "completed"] },
  })
) {
  Deno.test(`${NAMES}: the program ${program}`, async () => {
    assertEquals(await inEach((command) => runProgram(command, program)), each(expected));
  });
}

Deno.test(`${NAMES}: an error of a program is shown as its own`, async () => {
  const results = await inEach(async ([runtime, ...flags]) => {
    const { code, stderr } = await run(app, runtime, ...flags, "programs/fail.js");
    return { code, own: /of the program/.test(stderr), other: /tf-backend/.test(stderr) };
  });
  assertEquals(results, each({ code: 1, own: true, other: false }));
});

testBundles(() => app, runtimes);
testPages(() => app, runtimes);

Deno.test("TypeScript accepts the types of the package, as bundlers and Node resolve them", async () => {
  await Promise.all(["bundler", "node16"].map(async (resolution) => {
    const { stdout } = await run(
      app,
      `${app}/node_modules/.bin/tsc`,
      ...["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"],
      ...["--target", "es2022"],
      ...["--lib", "es2024,dom,dom.iterable", "--moduleResolution", resolution],
      ...["--module", resolution === "bundler" ? "esnext" : resolution, "programs/typed.ts"],
    );
    const errors = stdout.split("\n").filter((line) => /^\S.*: error /.test(line));
    // The types of TensorFlow.js's layers and, where optional properties are exact, those of XState
    // have errors of their own, which skipLibCheck hides.
    const others = /^node_modules\/(@tensorflow\/tfjs-layers|xstate)\//;
    assertEquals(errors.filter((line) => !others.test(line)), [], resolution);
  }));
});

Deno.test("npm publish would accept the package", async () => {
  const { code, stderr } = await run(`${app}/../npm`, "npm", "publish", "--dry-run");
  assertEquals(code, 0, stderr);
  const warnings = stderr.split("\n").filter((line) => line.startsWith("npm warn"));
  assertEquals(warnings.filter((line) => !line.includes("requires you to be logged in")), []);
});

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => !name.startsWith("."));
}

function wait(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}
