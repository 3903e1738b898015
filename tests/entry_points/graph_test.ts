/**
 * The graphs of the entry points: a program that only trains loads nothing that draws or serves.
 *
 * @module
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import * as front from "../../mod.ts";

const states = await Promise.all(
  (["run", "read"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const root = new URL("../../", import.meta.url);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Everything that an entry point imports, types and dynamic imports included: paths and packages. */
async function graphOf(entry: string): Promise<{ local: string[]; packages: string[] }> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", entry],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const { modules } = JSON.parse(text(stdout)) as { modules: { specifier: string }[] };
  const specifiers = modules.map(({ specifier }) => specifier);
  return {
    local: specifiers.filter((url) => url.startsWith(root.href)).map((url) =>
      url.slice(root.href.length)
    ),
    packages: specifiers.flatMap((url) => /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(url)?.[1] ?? []),
  };
}

/** Rooms that "." must not reach. */
const FAR = /^src\/(plots|diagram|inspect|live|distributed|sweep)\//;
/** Packages that only their entry points load. */
const LARGE = ["vega", "vega-lite", "elkjs", "@statelyai/inspect", "@nats-io/transport-node"];

Deno.test("mod.ts loads at most 160 modules, and no drawing, page, MPI, NATS or sweep", {
  ignore,
}, async () => {
  const { local, packages } = await graphOf("mod.ts");
  assertLessOrEqual(local.length, 160);
  assertEquals(local.filter((path) => FAR.test(path)), []);
  assertEquals(packages.filter((name) => LARGE.includes(name)), []);
});

Deno.test("each large package is loaded by the entry points that need it, and by no other", {
  ignore,
}, async () => {
  const loaded: Record<string, string[]> = {};
  const entries = ["callbacks", "data", "metrics", "io", "plots", "inspect", "live", "chart"];
  for (const entry of [...entries, "distributed", "sweep"]) {
    const { packages } = await graphOf(`${entry}.ts`);
    loaded[entry] = LARGE.filter((name) => packages.includes(name));
  }
  assertEquals(loaded, {
    ...Object.fromEntries([...entries, "distributed"].map((entry) => [entry, []])),
    plots: ["vega", "vega-lite"],
    inspect: ["elkjs", "@statelyai/inspect"],
    sweep: ["vega", "vega-lite", "@nats-io/transport-node"],
  });
});

Deno.test("mod.ts exports about 60 values", () => {
  assertLessOrEqual(Object.keys(front).length, 65);
});

Deno.test("recorder.plot() says which entry point draws, and draws once it is imported", {
  ignore,
}, async () => {
  const code = `
    import { Recorder } from ${JSON.stringify(new URL("mod.ts", root).href)};
    const recorder = new Recorder();
    try { recorder.plot(); } catch (error) { console.log(error.message); }
    await import(${JSON.stringify(new URL("plots.ts", root).href)});
    console.log((await recorder.plot().svg()).slice(0, 4));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(
    text(stdout),
    "Cannot plot: the entry point that draws is not loaded. Add " +
      '`import "@trainchart/trainchart/plots";` (or `plots.ts` beside `mod.ts`) to the program.\n' +
      "<svg\n",
    text(stderr),
  );
});
