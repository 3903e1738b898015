/**
 * Native libraries in processes of their own: flags of V8, permissions, threads, Workers, resuming.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
} from "@std/assert";
import { openNative } from "../../../src/backend/native/open_native.ts";
import { testInFolder } from "../../fixtures/in_folder.ts";
import { NATIVES } from "../../fixtures/native.ts";
import { runDeno } from "../../fixtures/run_deno.ts";
import type { RunOptions, RunOutcome } from "./convolution_run.ts";

const { state } = await Deno.permissions.query({ name: "run" });
const ffi = await Deno.permissions.query({ name: "ffi" });
const ignore = state !== "granted" || NATIVES.length === 0;
const program = new URL("convolution_run.ts", import.meta.url).pathname;

/** Trains in another process; `errors` is the text that it wrote on stderr. */
async function run(
  options: RunOptions,
  flags = ["-A"],
): Promise<RunOutcome & { errors: string }> {
  const { code, output, errors } = await runDeno(
    ...[".", "run", "--quiet", "--no-lock", "--no-check", "--no-prompt", ...flags] as const,
    ...[program, JSON.stringify(options)] as const,
  );
  assertEquals(code, 0, errors);
  const outcome: RunOutcome = JSON.parse(output);
  assertEquals(outcome.left, 0, "tensors are left");
  return { ...outcome, errors };
}

for (const native of NATIVES) {
  Deno.test(
    `neither a heap that moves at each growth nor playing steps back changes a bit [${native}]`,
    {
      ignore,
    },
    async () => {
      const still = await run({ native });
      const moved = await run({ native }, ["-A", "--v8-flags=--stress-wasm-memory-moving"]);
      assertEquals(still.addresses, 1);
      assertGreater(moved.addresses, 5);
      assertEquals(moved.weights, still.weights);
      const eager = await run({ native, compile: false });
      assertEquals(eager.weights, still.weights);
      assertEquals(eager.played, 0);
      assertGreater(Math.min(still.played, moved.played), 8);
    },
  );

  testInFolder(
    `a training that is resumed in a new process ends with the same bits [${native}]`,
    async (folder) => {
      const path = `${folder}/half.safetensors`;
      for (const threads of [1, 2]) {
        const whole = await run({ native, threads, save: path });
        const resumed = await run({ native, threads, from: path });
        assertEquals(resumed.weights, whole.weights, `${threads} threads`);
        assertEquals(resumed.errors, "");
      }
      const other = await run({ from: path });
      assertMatch(
        other.errors,
        /^Trainchart resumes on wasm a run that was computed on wasm with \S+ \S+, 2 threads: /,
      );
    },
    ignore,
  );

  Deno.test(`a library starts no more threads than asked for [${native}]`, {
    ignore: ignore || Deno.build.os !== "linux",
  }, async () => {
    Deno.env.set("OMP_NUM_THREADS", "6");
    try {
      for (const count of [1, 2]) {
        const { threads } = await run({ native, threads: count });
        // One that Deno starts may be among them.
        assertLess(threads, count + 1);
      }
    } finally {
      Deno.env.delete("OMP_NUM_THREADS");
    }
  });

  Deno.test(`threads sleep while they wait [${native}]`, { ignore }, async () => {
    const front = new URL("../../../mod.ts", import.meta.url).href;
    const code = `import process from "node:process";
      import { selectBackend, tf } from "${front}";
      await selectBackend({ native: "${native}", threads: 2, quiet: true });
      const a = tf.ones([512, 512]), used = [];
      for (let i = 0; i < 6; i++) {
        tf.matMul(a, a).dispose();
        const before = process.cpuUsage();
        await new Promise((resolve) => setTimeout(resolve, 100));
        const { user, system } = process.cpuUsage(before);
        used.push((user + system) / 1000);
      }
      console.log(Math.min(...used));`;
    const { output, errors } = await runDeno(".", "eval", "--quiet", "--no-lock", code);
    assertEquals(errors, "");
    // Of 100 ms: those of OpenBLAS would wait 25 to 50 ms without sleeping.
    assertLess(Number(output), 12);
  });

  Deno.test(`several threads train as one does, but for rounding [${native}]`, {
    ignore,
  }, async () => {
    const { trainLoss } = await run({ native });
    for (const threads of [2, 3]) {
      const outcome = await run({ native, threads });
      assertAlmostEquals(outcome.trainLoss, trainLoss, 1e-4);
    }
  });

  Deno.test(`Workers side by side compute the same bits as one alone [${native}]`, {
    ignore,
  }, async () => {
    const { weights } = await run({ native });
    const outcomes = await Promise.all([1, 2, 3].map(() => inWorker({ native })));
    for (const outcome of outcomes) assertEquals(outcome.weights, weights);
  });
}

/** Trains in a Worker of this process. */
async function inWorker(options: RunOptions): Promise<RunOutcome> {
  const module = new URL("convolution_run.ts", import.meta.url).href;
  const code = `import { convolutionRun } from "${module}";
    self.onmessage = async ({ data }) => self.postMessage(await convolutionRun(data));`;
  const worker = new Worker(`data:text/typescript,${encodeURIComponent(code)}`, { type: "module" });
  try {
    worker.postMessage(options);
    const { promise, resolve, reject } = Promise.withResolvers<RunOutcome>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(event.error ?? new Error(event.message));
    return await promise;
  } finally {
    worker.terminate();
  }
}

Deno.test("without --allow-ffi, WebAssembly computes everything, and the reason says so", {
  ignore: state !== "granted",
}, async () => {
  const plain = await run({});
  const denied = await run({ native: true }, ["--allow-read", "--allow-env", "--deny-ffi"]);
  assertEquals(denied.native, undefined);
  assertMatch(denied.reason, /^WebAssembly .*; no native library, as that needs --allow-ffi$/);
  assertEquals(denied.weights, plain.weights);
  const few = ["--allow-read", "--allow-env"];
  assertEquals((await run({ native: "openblas" }, few)).reason, denied.reason);
});

Deno.test("a runtime that opens no libraries computes on WebAssembly, and the reason says so", {
  ignore: state !== "granted",
}, async () => {
  const front = new URL("../../../mod.ts", import.meta.url).href;
  const code = `delete Deno.dlopen;
    const { selectBackend } = await import("${front}");
    for (const native of [true, "onednn"]) {
      console.log((await selectBackend({ native, quiet: true })).reason);
    }`;
  const { output, errors } = await runDeno(".", "eval", "--quiet", "--no-lock", code);
  assertEquals(errors, "");
  const line = "WebAssembly .*; no native library, as only Deno opens one\\n";
  assertMatch(output, new RegExp(`^(${line}){2}$`));
});

Deno.test("a library that is missing is named, with the line that installs it", {
  ignore: ffi.state !== "granted" || Deno.build.os !== "linux",
}, () => {
  const here = ["no_such_library.so.7"];
  assertEquals(openNative("onednn", 1, here), {
    reason: "no oneDNN, as it is not installed: apt-get install libdnnl2",
  });
  assertEquals(openNative("openblas", 1, here), {
    reason: "no OpenBLAS, as it is not installed: apt-get install libopenblas0",
  });
});

/** A library with these functions and nothing else. */
async function compile(folder: string, name: string, source: string): Promise<string> {
  const path = `${folder}/${name}.so`;
  await Deno.writeTextFile(`${folder}/${name}.c`, source);
  const { success } = await new Deno.Command("gcc", {
    args: ["-shared", "-fPIC", "-o", path, `${folder}/${name}.c`],
  }).output();
  assert(success);
  return path;
}

const gcc = state === "granted" && await new Deno.Command("gcc", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

const oneDnn = (major: number, minor: number, runtime: number) => `
  static struct { int major, minor, patch; const char *hash; unsigned cpu, gpu; }
    version = { ${major}, ${minor}, 1, "0", ${runtime}, 0 };
  const void *dnnl_version() { return &version; }`;
const openBlas = (configuration: string) => `
  void cblas_sgemm() {}
  void openblas_set_num_threads(int count) {}
  const char *openblas_get_config() { return "${configuration}"; }`;

testInFolder(
  "a version that is not known is refused, and nothing of it is called",
  async (folder) => {
    const refused = [
      ["onednn", oneDnn(4, 0, 2), "no oneDNN, as its version is not known: 4.0.1"],
      ["onednn", oneDnn(2, 8, 2), "no oneDNN, as its version is not known: 2.8.1"],
      ["onednn", oneDnn(1, 8, 2), "no oneDNN, as its version is not known: 1.8.1"],
      ["onednn", oneDnn(3, 4, 1), "no oneDNN, as it is not built for OpenMP"],
      ["onednn", oneDnn(3, 4, 2), "no oneDNN, as it lacks functions that are needed"],
      ["onednn", "int other;", "no oneDNN, as it lacks functions that are needed"],
      [
        "openblas",
        openBlas("OpenBLAS 0.3.21 USE64BITINT"),
        "no OpenBLAS, as its version is not known: OpenBLAS 0.3.21 USE64BITINT",
      ],
      ["openblas", openBlas(""), "no OpenBLAS, as its version is not known: no version"],
      ["blis", "int other;", "no BLIS, as it lacks functions that are needed"],
    ] as const;
    for (const [index, [native, source, reason]] of refused.entries()) {
      const path = await compile(folder, `library${index}`, source);
      assertEquals(openNative(native, 1, [path]), { reason });
    }
  },
  !gcc || Deno.build.os !== "linux",
);
