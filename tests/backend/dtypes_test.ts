import { assert, assertEquals } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { type Call, type KernelCase, kernelCases, type MakeTensor } from "./kernel_calls.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

type Values = "ordinary" | "special";

// deno-fmt-ignore
const SPECIAL: Record<string, (number | string)[]> = {
  float32: [NaN, Infinity, -Infinity, 0, -0, 1e-40, -1e-40, 1, -1, 0.5, -0.5, 2.5, 6, -7, 1e4, 0.3, 100],
  int32: [0, 1, -1, 2, -7, 256, 257, 65536, 16777217, 2147483647, -2147483648, -3],
  bool: [1, 0, 1, 1, 0],
  string: ["a", "b", "", "é", "abc", "b"],
};

function ordinary(dtype: string, i: number, salt: number): number | string {
  if (dtype === "float32") return Math.sin(i * 1.7 + salt) * 3;
  if (dtype === "int32") return (i * 7 + salt * 3) % 11 - 4;
  if (dtype === "bool") return (i * 7 + salt >> 1) & 1;
  return `s${(i + salt) % 4}`;
}

function maker(dtype: string, kind: Values): MakeTensor {
  return (shape, salt = 0) => {
    const special = SPECIAL[dtype];
    const values = Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) =>
        kind === "special"
          ? special[(i * (1 + salt) + salt * 5) % special.length]
          : ordinary(dtype, i, salt),
    );
    if (dtype !== "float32") return tf.tensor(values as number[], shape, dtype as "int32");
    // A NaN that arithmetic makes has the sign bit set, the one that is written does not.
    const floats = new Float32Array(values as number[]), bits = new Uint32Array(floats.buffer);
    floats.forEach((value, i) => Number.isNaN(value) && i % 2 === 0 && (bits[i] = 0xffc00000));
    return tf.tensor(floats, shape);
  };
}

interface Outcome {
  dtype: string;
  shape: number[];
  values: (number | string)[];
}

/** Runs a kernel; returns the results, or nothing if it throws. */
function evaluate([kernel, , call]: KernelCase, make: MakeTensor): Outcome[] | undefined {
  tf.engine().startScope();
  try {
    const [inputs, attributes]: Call = call(make);
    const results = tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, attributes as never);
    return [results].flat().map((tensor) => ({
      dtype: tensor.dtype,
      shape: tensor.shape,
      values: [...tensor.dataSync()],
    }));
  } catch (error) {
    assert(!(error instanceof WebAssembly.RuntimeError), `${kernel} breaks the backend: ${error}`);
    return undefined;
  } finally {
    tf.engine().endScope();
  }
}

function isClose(actual: number | string, expected: number | string): boolean {
  if (typeof actual === "string" || typeof expected === "string") return actual === expected;
  if (actual === expected || Object.is(actual, expected)) return true;
  return Math.abs(actual - expected) <= 1e-5 * Math.abs(expected) + 2e-6;
}

/** Kernels and dtypes whose results on cpu are wrong, or of another dtype, and why. */
const CPU_IS_WRONG: [RegExp, string][] = [
  [/^(Square|Multiply|SquaredDifference) .*int32 special/, "products beyond 2 ** 53 are rounded"],
  [/^Abs .*int32 special/, "it computes floats"],
  [/^MaxPool(3D|WithArgmax)? .*float32 special/, "NaN is passed over"],
  [/^(TopK|Dilation2D.*|MaxPool.*Grad) .*float32 special/, "NaN has no place in an order"],
  [/^LRNGrad .*float32 special/, "infinity less infinity: the order of operations matters"],
  [/^UnsortedSegmentSum .*(float32 special|int32|bool)/, "it sums floats, times a mask"],
  [/^FloorDiv .*float32/, "it gives integers, which have no NaN"],
  [/^(Erf) .*float32 special/, "its polynomial is wrong close to zero"],
  [/^LogicalXor/, "it has no such kernel"],
  [/^Slice \[\]/, "it loses a number without axes"],
  [/^Cast .* string/, "it calls texts numbers"],
  [/^DepthwiseConv2dNativeBackprop/, "it needs attributes that tfjs does not pass"],
];

/** Bytes behind each allocation that nothing may write to. */
const GUARD = 64, PATTERN = 0xa5;

/** The heap of tfjs's module. */
interface Heap {
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Puts guards behind all allocations that follow; returns a function that ends that. */
function guardAllocations(): { check: (name: string) => void; restore: () => void } {
  const module = (tf.backend() as unknown as { wasm: Heap }).wasm;
  const { _malloc, _free } = module;
  const blocks = new Map<number, number>();
  module._malloc = (bytes) => {
    const address = _malloc(bytes + GUARD) >>> 0;
    blocks.set(address, bytes);
    module.HEAPU8.fill(PATTERN, address + bytes, address + bytes + GUARD);
    return address;
  };
  module._free = (address) => {
    blocks.delete(address >>> 0);
    _free(address);
  };
  return {
    check(name) {
      for (const [address, bytes] of blocks) {
        const guard = module.HEAPU8.subarray(address + bytes, address + bytes + GUARD);
        assert(guard.every((byte) => byte === PATTERN), `${name} writes beyond its result`);
      }
    },
    restore: () => void Object.assign(module, { _malloc, _free }),
  };
}

for (const dtype of ["float32", "int32", "bool", "string"]) {
  Deno.test(`every kernel computes ${dtype} as cpu does, and writes its result alone`, {
    ignore,
  }, async () => {
    const kinds: Values[] = ["ordinary", "special"];
    const runs = kernelCases.flatMap((row) => kinds.map((kind) => ({ row, kind })));
    await selectBackend({ prefer: "cpu", quiet: true });
    const expected = runs.map(({ row, kind }) => evaluate(row, maker(dtype, kind)));
    await selectBackend({ prefer: "wasm", quiet: true });
    const guards = guardAllocations();
    const wrong: string[] = [];
    try {
      runs.forEach(({ row, kind }, i) => {
        const name = `${row[0]} ${row[1]} ${dtype} ${kind}`;
        const before = [tf.memory().numTensors, tf.engine().backend.numDataIds()];
        const actual = evaluate(row, maker(dtype, kind));
        const after = [tf.memory().numTensors, tf.engine().backend.numDataIds()];
        // A kernel that throws may leave its result behind.
        if (actual) assertEquals(after, before, `${name}: data is left`);
        guards.check(name);
        if (CPU_IS_WRONG.some(([pattern]) => pattern.test(name))) return;
        if (expected[i] === undefined) {
          if (actual) wrong.push(`${name}: only cpu throws`);
          return;
        }
        expected[i].forEach((want, j) => {
          const got = actual?.[j];
          const same = got?.dtype === want.dtype && got.shape.join() === want.shape.join() &&
            got.values.every((value, k) => isClose(value, want.values[k]));
          if (!same) {
            const at = got?.values.findIndex((value, k) => !isClose(value, want.values[k])) ?? -1;
            wrong.push(
              `${name}: ${got?.dtype} [${got?.shape}] ${got?.values[at]} for ` +
                `${want.dtype} [${want.shape}] ${want.values[at]}`,
            );
          }
        });
      });
    } finally {
      guards.restore();
    }
    assertEquals(wrong, []);
  });
}
