import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { selectBackend, type WasmFile } from "../../mod.ts";
import { wasmPackage } from "../../src/deps/tfjs.ts";
import { runDeno } from "../fixtures/run_deno.ts";

const states = await Promise.all(
  (["read", "run", "write"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const NAME = "tfjs-backend-wasm-simd.wasm";

/** Selects a backend with each option in turn, in one process; returns the choices. */
async function choices(...options: string[]): Promise<{ name: string; reason: string }[]> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  const calls = options.map((wasm) => `await selectBackend({ quiet: true, wasm: ${wasm} })`);
  await Deno.writeTextFile(
    file,
    `import { selectBackend, tf } from "${new URL("../../mod.ts", import.meta.url)}";
    const results = [${calls.join()}];
    console.log(JSON.stringify(results));
    tf.ones([2]).square().dispose();`,
  );
  try {
    const flags = ["run", "-A", "--no-lock", "--no-check", "--quiet"];
    const { output, errors } = await runDeno(".", ...flags, file);
    assertEquals(errors, "");
    return JSON.parse(output);
  } finally {
    await Deno.remove(file);
  }
}

/** The file of the package, which a program without an option reads. */
const installed = (): URL => new URL(NAME, wasmPackage());

Deno.test("selectBackend() takes a path, an address, bytes or a folder of the WebAssembly file", {
  ignore,
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a file.wasm`;
  await Deno.copyFile(installed(), path);
  await Deno.copyFile(installed(), `${folder}/${NAME}`);
  for (
    const option of [
      `{ path: ${JSON.stringify(path)} }`,
      `{ path: ${JSON.stringify(`${folder}/`)} }`,
      `{ url: ${JSON.stringify(`file://${folder}/${NAME}`)} }`,
      `{ bytes: await Deno.readFile(${JSON.stringify(path)}) }`,
    ]
  ) {
    const [{ name }] = await choices(option);
    assertEquals([option, name], [option, "wasm"]);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("selectBackend() falls to cpu, says what is missing and where, and tries again", {
  ignore,
}, async () => {
  const [missing, damaged, found] = await choices(
    '{ path: "/none/at/all.wasm" }',
    "{ bytes: new Uint8Array(9) }",
    "undefined",
  );
  assertEquals([missing.name, damaged.name, found.name], ["cpu", "cpu", "wasm"]);
  assertMatch(
    missing.reason,
    /^about 50 times slower; .*there is no file:\/\/\/none\/at\/all.wasm/,
  );
  assertMatch(missing.reason, /Copy tfjs-backend-wasm-simd.wasm from node_modules/);
  assertMatch(damaged.reason, /the array is not WebAssembly/);
});

Deno.test("selectBackend() refuses what is no file", async () => {
  for (const wasm of [{}, { path: 1 }, { bytes: [] }, { path: "a", url: "b" }, "a", { uri: "a" }]) {
    await assertRejects(
      () => selectBackend({ wasm: wasm as unknown as WasmFile }),
      TypeError,
      "Cannot select a backend as wasm must be one of { path }, { url } and { bytes }",
    );
  }
});
