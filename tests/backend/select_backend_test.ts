import {
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";

const granted = (await Promise.all([
  Deno.permissions.query({ name: "read" }),
  Deno.permissions.query({ name: "run" }),
])).every(({ state }) => state === "granted");

/** Runs a module that imports `mod.ts`, in a process with no permissions but `flags`. */
async function run(code: string, ...flags: string[]): Promise<{ out: string; err: string }> {
  const url = new URL("../../mod.ts", import.meta.url).href;
  const source = `import { selectBackend, tf } from "${url}"; ${code}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-lock", "--quiet", ...flags, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // Without --allow-env, selectBackend() cannot keep the drivers quiet.
    env: { NO_COLOR: "1", XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { out: decode(stdout), err: decode(stderr) };
}

Deno.test("selectBackend() falls to cpu and names the permission that wasm needs", {
  ignore: !granted,
}, async () => {
  const { out, err } = await run(
    `const { name } = await selectBackend(); tf.ones([2]).print(); console.log(name);`,
  );
  assertMatch(out, /cpu\n$/);
  assertMatch(err, /wasm: reading tfjs's WebAssembly needs --allow-read=\S+tfjs-backend-wasm/);
  assertEquals(err.trim().split("\n").length, 1, "one line, and no advertisement");
});

Deno.test("selectBackend() needs permission for the folder that it names, and no other", {
  ignore: !granted,
}, async () => {
  const code = `console.log((await selectBackend({ quiet: true })).reason)`;
  const folder = (await run(code)).out.match(/--allow-read=(\S+)/)![1];
  const { out, err } = await run(
    `const { name } = await selectBackend({ prefer: "wasm" }); console.log(name)`,
    `--allow-read=${folder}`,
  );
  assertEquals(out, "wasm\n");
  assertStringIncludes(err, "Trainchart computes on wasm");
});

Deno.test("selectBackend() lists the backends that work if the preferred one does not", {
  ignore: !granted,
}, async () => {
  const { out } = await run(
    `await selectBackend({ prefer: "wasm" }).catch((e) => console.log(e.message, tf.getBackend()))`,
  );
  assertMatch(out, /^Cannot select a backend as wasm: .*Available here: cpu cpu\n$/);
});

Deno.test("selectBackend() refuses an unknown backend", async () => {
  await assertRejects(
    () => selectBackend({ prefer: "gpu" as "cpu" }),
    TypeError,
    "prefer must be one of webgpu, wasm, cpu: current value is gpu",
  );
});

Deno.test("selectBackend() uses a software adapter only if asked", async () => {
  const { name, reason } = await selectBackend({ quiet: true });
  if (/software adapter/.test(reason)) assertEquals(name === "webgpu", false);
  assertEquals(name, tf.getBackend());
});

Deno.test("selectBackend() uses the build without fused multiply-adds if asked", {
  ignore: !granted,
}, async () => {
  const product = () =>
    tf.tidy(() => {
      const x = tf.tensor2d(Array.from({ length: 33 * 19 }, (_, i) => Math.sin(i)), [33, 19]);
      return x.matMul(x, true).dataSync();
    });
  const { reason } = await selectBackend({ prefer: "wasm", relaxed: false, quiet: true });
  assertMatch(reason, /^WebAssembly with SIMD$/);
  const plain = product();
  await selectBackend({ prefer: "wasm", quiet: true });
  product().forEach((x, i) => assertLess(Math.abs(x - plain[i]), 1e-5));
});
