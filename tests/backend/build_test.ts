import { assert } from "@std/assert";

Deno.test("kernels.generated.ts equals the result of `deno task build:kernels`", {
  ignore: (await Deno.permissions.query({ name: "env" })).state !== "granted" ||
    (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  const { buildKernels } = await import("../../scripts/build_kernels.ts");
  const file = new URL("../../src/backend/kernels.generated.ts", import.meta.url);
  assert(await buildKernels() === await Deno.readTextFile(file), "run `deno task build:kernels`");
});
