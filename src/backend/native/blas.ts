/**
 * Products by a BLAS.
 *
 * @module
 */
import { openLibrary, textAt, withVariables } from "./foreign.ts";
import type { NativeLibrary, Product, Refusal } from "./native_library.ts";

/** `CblasRowMajor`, `CblasNoTrans` and `CblasTrans`. */
const ROWS = 101, PLAIN = 111, TRANSPOSED = 112;

/** With fewer rows, packing the other matrix takes most of the time. */
const LEAST_ROWS = 4;

const SGEMM = {
  // deno-fmt-ignore
  parameters: [
    "i32", "i32", "i32", "i32", "i32", "i32",
    "f32", "u64", "i32", "u64", "i32", "f32", "u64", "i32",
  ],
  result: "void",
} as const;

type Sgemm = (
  ...args: [
    ...[order: number, a: number, b: number, rows: number, columns: number, depth: number],
    ...[alpha: number, a: bigint, widthA: number, b: bigint, widthB: number],
    ...[beta: number, c: bigint, widthC: number],
  ]
) => void;

function multiplyBy(sgemm: Sgemm): NativeLibrary["multiply"] {
  return function multiply(p: Product, a, b, c) {
    const [transA, transB] = [p.transposeA, p.transposeB].map((t) => t ? TRANSPOSED : PLAIN);
    const { rows, columns, depth, widthA, widthB, widthC } = p;
    sgemm(ROWS, transA, transB, rows, columns, depth, 1, a, widthA, b, widthB, 0, c, widthC);
  };
}

/** Opens OpenBLAS. */
export function openOpenBlas(names: readonly string[], threads: number): NativeLibrary | Refusal {
  // It starts its threads when it is opened.
  const { result: opened } = withVariables(
    { OPENBLAS_NUM_THREADS: String(threads) },
    () =>
      openLibrary(names, {
        cblas_sgemm: SGEMM,
        openblas_set_num_threads: { parameters: ["i32"], result: "void" },
        openblas_get_config: { parameters: [], result: "pointer" },
      }),
  );
  if ("refused" in opened) return opened;
  const { cblas_sgemm, openblas_set_num_threads, openblas_get_config } = opened.symbols;
  const configuration = textAt(openblas_get_config());
  const version = configuration.match(/OpenBLAS (\d+\.\d+\.\d+)/)?.[1];
  if (!version?.startsWith("0.3.") || configuration.includes("USE64BITINT")) {
    opened.close();
    return { refused: "version", found: configuration.trim() || "no version" };
  }
  return {
    name: `OpenBLAS ${version}`,
    leastRows: LEAST_ROWS,
    setThreads: openblas_set_num_threads,
    multiply: multiplyBy(cblas_sgemm as Sgemm),
  };
}

/** Opens BLIS, which computes on one thread. */
export function openBlis(names: readonly string[]): NativeLibrary | Refusal {
  const opened = openLibrary(names, {
    cblas_sgemm: SGEMM,
    bli_thread_set_num_threads: { parameters: ["i64"], result: "void" },
    bli_info_get_version_str: { parameters: [], result: "pointer" },
    bli_info_get_blas_int_type_size: { parameters: [], result: "i64" },
    bli_arch_query_id: { parameters: [], result: "i32" },
    bli_arch_string: { parameters: ["i32"], result: "pointer" },
  });
  if ("refused" in opened) return opened;
  const { symbols } = opened;
  const version = textAt(symbols.bli_info_get_version_str());
  const bits = Number(symbols.bli_info_get_blas_int_type_size());
  if (!/^(0\.[89]|[12]\.\d)/.test(version) || bits !== 32) {
    opened.close();
    return { refused: "version", found: `${version}, integers of ${bits} bits` };
  }
  const isGeneral = textAt(symbols.bli_arch_string(symbols.bli_arch_query_id())) === "generic";
  return {
    name: `BLIS ${version.match(/^[\d.]+/)![0]}`,
    leastRows: LEAST_ROWS,
    // Its kernels without vectors take longer than ours.
    ...isGeneral && { slow: "it does not know this processor" },
    // Its threads wait without sleeping: on a busy machine, 3 took 50 times as long as one.
    setThreads: () => symbols.bli_thread_set_num_threads(1n),
    multiply: multiplyBy(symbols.cblas_sgemm as Sgemm),
  };
}

/** Opens Accelerate, which is part of macOS. It is not tested on every change of this library. */
export function openAccelerate(names: readonly string[], threads: number): NativeLibrary | Refusal {
  const { result: opened } = withVariables(
    { VECLIB_MAXIMUM_THREADS: String(threads) },
    () => openLibrary(names, { cblas_sgemm: SGEMM }),
  );
  if ("refused" in opened) return opened;
  return {
    name: "Accelerate",
    leastRows: LEAST_ROWS,
    // It reads the variable when it is opened, and cannot be told later.
    setThreads: () => {},
    multiply: multiplyBy(opened.symbols.cblas_sgemm as Sgemm),
  };
}
