import { assert, assertEquals, assertMatch } from "@std/assert";
import { selectBackend, tf } from "../../../mod.ts";
import {
  areBitsSame,
  loadTiles,
  TILES_256,
  TILES_512,
} from "../../../src/backend/native/machine_tiles.ts";
import { emscriptenOf, type Kernels, loadKernels } from "../../../src/backend/wasm_modules.ts";
import type { BackendWasm } from "../../../src/deps/tfjs.ts";

const granted = (await Promise.all(
  (["read", "run", "ffi"] as const).map((name) => Deno.permissions.query({ name })),
)).every(({ state }) => state === "granted");
const { os, arch } = Deno.build;
const fits = os === "linux" && arch === "x86_64";
const ignore = !granted || !fits;

/** Special values among the elements: results must keep their bits, also zeros their signs. */
const SPECIAL = [NaN, Infinity, -Infinity, -0, 0, 1e-30, -1e-30, 1e38];

/** Rows, depth and columns. */
type Shape = readonly [rows: number, depth: number, columns: number];

/** Rests of rows and of columns, some rows, one step, and more than one block of each. */
const SHAPES: readonly Shape[] = [
  ...[[24, 64, 48], [25, 65, 49], [60, 80, 64], [29, 127, 63], [128, 512, 512]] as const,
  ...[[131, 1030, 530], [64, 784, 256], [300, 67, 50], [1, 640, 48], [2, 200, 100]] as const,
  ...[[3, 100, 77], [7, 64, 48], [11, 33, 95], [100, 100, 10], [64, 64, 33], [64, 1, 500]] as const,
  ...[[400, 50, 1], [1000, 9, 7], [270, 513, 41]] as const,
];

/** Multiplies, and returns the bits of the result. */
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

/** The choice says which vectors this processor has. */
async function widest(): Promise<number> {
  const { reason } = await selectBackend({ prefer: "wasm", quiet: true });
  return Number(/products in vectors of (\d+) bits/.exec(reason)?.[1] ?? 0);
}

for (const shape of [TILES_256, TILES_512]) {
  for (const special of [false, true]) {
    const name = `products in vectors of ${shape.bits} bits have the bits of WebAssembly`;
    Deno.test(`machine code: ${name}${special ? ", special values, too" : ""}`, {
      ignore: ignore || await widest() < shape.bits,
    }, async () => {
      await selectBackend({ prefer: "wasm", quiet: true });
      const tensors = tf.memory().numTensors;
      const backend = tf.backend() as unknown as BackendWasm, module = emscriptenOf(backend);
      const { kernels } = loadKernels(backend, true, loadTiles(shape))!;
      const most = Math.max(...SHAPES.map(([m, k, n]) => m * k + k * n + m * n + n + 16));
      const at = module._malloc(kernels.scratchBytes() + most * 4);
      const heap = new Float32Array(module.HEAPU8.buffer, 0, module.HEAPU8.length >> 2);
      const from = (at + kernels.scratchBytes()) / 4;
      for (let i = 0; i < most; i++) heap[from + i] = element(i, special);
      for (const sizes of SHAPES) {
        for (
          const transposes of [[false, false], [false, true], [true, false], [true, true]] as const
        ) {
          for (const activation of [0, 1, 2]) {
            const bits = [0, shape.bits].map((bits) => {
              kernels.useMachineTiles(bits);
              return product(kernels, at, heap, sizes, transposes, activation);
            });
            assertEquals(bits[1], bits[0], `${sizes}, ${transposes}, ${activation}`);
          }
        }
      }
      module._free(at);
      assertEquals(tf.memory().numTensors, tensors);
    });
  }
}

/** Trains in a process of its own, and returns what it prints. */
async function train(flags: string[], ...args: string[]): Promise<string[]> {
  const program = new URL("../../fixtures/train_in_tiles.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--no-prompt", "-REN", ...flags, program, ...args],
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  return text.decode(stdout).trim().split("\n");
}

Deno.test(
  "machine code: trainings have the bits of WebAssembly, on two threads and on a heap that moves, too",
  { ignore: ignore || await widest() === 0 },
  async () => {
    const [plain, ...bits] = await train(["--allow-ffi"], "1", "false");
    assertEquals(plain, "WebAssembly with relaxed SIMD");
    assertEquals(bits.length, 4);
    for (const threads of ["1", "2"]) {
      const [reason, ...same] = await train(["--allow-ffi"], threads, "true");
      assertMatch(
        reason,
        /^WebAssembly with relaxed SIMD.*; products in vectors of (256|512) bits$/,
      );
      assertEquals(same, bits);
    }
    const moving = ["--allow-ffi", "--v8-flags=--stress-wasm-memory-moving"];
    assertEquals((await train(moving, "1", "true")).slice(1), bits);
    const [refused, ...same] = await train([], "1", "true");
    assertMatch(refused, /; no machine code for products, as that needs --allow-ffi$/);
    assertEquals(same, bits);
  },
);

Deno.test("machine code: one wrong bit is noticed before it is used", {
  ignore: ignore || await widest() === 0,
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const backend = tf.backend() as unknown as BackendWasm, module = emscriptenOf(backend);
  const tiles = loadTiles(), { kernels } = loadKernels(backend, true, tiles)!;
  assert(areBitsSame(kernels, tiles, module));
  let usesTiles = 0;
  const wrong: Kernels = {
    ...kernels,
    useMachineTiles: (bits) => usesTiles = bits,
    gemm(...args) {
      const result = kernels.gemm(...args), [, , c, rows, columns] = args;
      if (usesTiles) module.HEAPU8[c + (rows * columns - 1) * 4] ^= 1;
      return result;
    },
  };
  assertEquals(areBitsSame(wrong, tiles, module), false);
});

Deno.test("machine code: it has the bits of relaxed SIMD only", { ignore }, async () => {
  const plain = { prefer: "wasm", quiet: true } as const;
  const { reason } = await selectBackend({ ...plain, relaxed: false });
  assertEquals(reason, "WebAssembly with SIMD");
  assertEquals(
    (await selectBackend({ ...plain, machineCode: false })).reason,
    "WebAssembly with relaxed SIMD",
  );
  await selectBackend(plain);
});
