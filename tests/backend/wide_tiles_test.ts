import { assert, assertEquals, assertMatch } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { wideModule } from "../../src/backend/wide_tiles.ts";
import { emscriptenOf, type Kernels, loadKernels } from "../../src/backend/wasm_modules.ts";
import type { BackendWasm } from "../../src/deps/tfjs.ts";

const granted = (await Promise.all([
  Deno.permissions.query({ name: "read" }),
  Deno.permissions.query({ name: "run" }),
])).every(({ state }) => state === "granted");
const ignore = !granted;

/** Special values among the elements: results must keep their bits, also zeros their signs. */
const SPECIAL = [NaN, Infinity, -Infinity, -0, 0, 1e-30, -1e-30, 1e38];

/** Rows, depth and columns. */
type Shape = readonly [rows: number, depth: number, columns: number];

/** Products with rests of six rows, 16 steps and 16 columns, and of more than one block. */
const SHAPES: readonly Shape[] = [
  ...[[24, 64, 48], [25, 65, 49], [60, 80, 64], [29, 127, 63], [128, 512, 512]] as const,
  ...[[131, 1030, 530], [64, 784, 256], [300, 67, 50], [23, 64, 48], [1, 64, 48]] as const,
];

/** Multiplies, with a bias and relu6, and returns the bits of the result. */
function product(
  kernels: Kernels,
  at: number,
  heap: Float32Array,
  [rows, depth, columns]: Shape,
  [transposeA, transposeB]: readonly [boolean, boolean],
  activation: number,
): Int32Array {
  const a = at + kernels.scratchBytes(), b = a + rows * depth * 4;
  const bias = b + depth * columns * 4, c = bias + columns * 4;
  heap.fill(7, c / 4, c / 4 + rows * columns + 16);
  kernels.gemm(
    ...[a, b, c, rows, columns, depth, 0, rows, 0, columns, Number(transposeA), Number(transposeB)],
    ...[transposeA ? rows : depth, transposeB ? depth : columns, bias, activation, at],
  );
  const behind = heap.slice(c / 4 + rows * columns, c / 4 + rows * columns + 16);
  assert(behind.every((value) => value === 7), "nothing is written behind the result");
  return new Int32Array(heap.slice(c / 4, c / 4 + rows * columns).buffer);
}

/** A number between -1 and 1, or rarely a special one. */
function element(i: number, special: boolean): number {
  const random = Math.sin(i * 12.9898) * 43758.5453;
  return special && i % 997 === 0
    ? SPECIAL[i % SPECIAL.length]
    : (random - Math.floor(random)) * 2 - 1;
}

for (const special of [false, true]) {
  const name = `products have the bits of other tiles${special ? ", special values, too" : ""}`;
  Deno.test(`wide tiles: ${name}`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const tensors = tf.memory().numTensors;
    const backend = tf.backend() as unknown as BackendWasm, module = emscriptenOf(backend);
    const { kernels } = loadKernels(backend, true, wideModule(false))!;
    const most = Math.max(...SHAPES.map(([m, k, n]) => m * k + k * n + m * n + n + 16));
    const at = module._malloc(kernels.scratchBytes() + most * 4);
    const heap = new Float32Array(module.HEAPU8.buffer, 0, module.HEAPU8.length >> 2);
    const from = (at + kernels.scratchBytes()) / 4;
    for (let i = 0; i < most; i++) heap[from + i] = element(i, special);
    for (const shape of SHAPES) {
      for (
        const transposes of [[false, false], [false, true], [true, false], [true, true]] as const
      ) {
        for (const activation of [0, 2]) {
          const bits = [0, 1].map((wide) => {
            kernels.useWideTiles(wide);
            return product(kernels, at, heap, shape, transposes, activation);
          });
          assertEquals(bits[1], bits[0], `${shape}, ${transposes}`);
        }
      }
    }
    module._free(at);
    assertEquals(tf.memory().numTensors, tensors);
  });
}

/** Trains in a process of its own, and returns what it prints. */
async function train(flags: string[], ...args: string[]): Promise<string[]> {
  const program = new URL("../fixtures/train_wide.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", ...flags, program, ...args],
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  return text.decode(stdout).trim().split("\n");
}

Deno.test(
  "wide tiles: a training has the same bits, on two threads as well",
  { ignore },
  async () => {
    const flags = ["--v8-flags=--experimental-wasm-revectorize"];
    const [reason, ...bits] = await train([]);
    assertEquals(bits.length, 2);
    assertMatch(reason, /^WebAssembly with relaxed SIMD$/);
    for (const threads of ["1", "2"]) {
      const [wide, ...same] = await train(flags, "wide", threads);
      assertMatch(
        wide,
        /; vectors of (256 bits|128 bits, as V8 needs --experimental-wasm-revectorize)/,
      );
      assertEquals(same, bits);
    }
    const [missing, ...same] = await train([], "wide", "1");
    assertMatch(
      missing,
      /vectors of 128 bits, as V8 needs --experimental-wasm-revectorize for 256$/,
    );
    assertEquals(same, bits);
  },
);

Deno.test("wide tiles: they need relaxed SIMD", { ignore }, async () => {
  const { reason } = await selectBackend({
    prefer: "wasm",
    relaxed: false,
    wide: true,
    quiet: true,
  });
  assertEquals(reason, "WebAssembly with SIMD; vectors of 128 bits, as those of 256 are relaxed");
  await selectBackend({ prefer: "wasm", quiet: true });
});
