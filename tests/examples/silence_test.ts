/**
 * A run prints its own lines and nothing else, on a machine without a desktop.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";

const states = await Promise.all(
  (["run", "read", "env"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const root = new URL("../../", import.meta.url);

/** Runs a program where nothing but the most necessary is in the environment. */
async function run(args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...args],
    cwd: root,
    clearEnv: true,
    env: {
      ...Object.fromEntries(
        ["HOME", "PATH", "DENO_DIR", "SystemRoot", "LOCALAPPDATA", "TEMP"].flatMap((name) => {
          const value = Deno.env.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { stdout: text(stdout), stderr: text(stderr) };
}

/** Runs a module given as text. */
async function runText(code: string): Promise<{ stdout: string; stderr: string }> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, code.replaceAll("ROOT", root.href));
    return await run(["-A", path]);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("examples/fit_a_line.ts prints one line and nothing else", { ignore }, async () => {
  assertEquals(await run(["--allow-env", "examples/fit_a_line.ts"]), {
    stdout: "learned y = 2.00x + 1.00\n",
    stderr: "",
  });
});

Deno.test("selectBackend() prints one line, and drivers print nothing", { ignore }, async () => {
  const { stdout, stderr } = await runText(`
    import { selectBackend } from "ROOTmod.ts";
    await selectBackend();
    console.log(Deno.env.get("XDG_RUNTIME_DIR"));`);
  assertEquals(stdout, "undefined\n");
  assertMatch(stderr, /^Trainchart computes on \w+: [^\n]*\n$/);
});

Deno.test("a large recurrent layer is built without a warning", { ignore }, async () => {
  const result = await runText(`
    import { tf } from "ROOTmod.ts";
    tf.sequential({ layers: [tf.layers.lstm({ units: 64, inputShape: [4, 2] })] }).dispose();`);
  assertEquals(result, { stdout: "", stderr: "" });
});
