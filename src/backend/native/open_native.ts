/**
 * Opens a native library that computes faster than WebAssembly: oneDNN, or one of the BLAS, which are
 * bound here.
 *
 * @module
 */
import { openLibrary, opensLibraries, platform, textAt, withVariables } from "./foreign.ts";
import {
  NATIVE_NAMES,
  type NativeLibrary,
  type NativeName,
  type Product,
  type Refusal,
} from "./native_library.ts";
import { openOneDnn } from "./onednn.ts";

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
function openOpenBlas(names: readonly string[], threads: number): NativeLibrary | Refusal {
  // It starts its threads when it is opened. They would wait for 2 ** 26 cycles before they sleep.
  const { result: opened } = withVariables(
    { OPENBLAS_NUM_THREADS: String(threads), OPENBLAS_THREAD_TIMEOUT: "16" },
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
function openBlis(names: readonly string[]): NativeLibrary | Refusal {
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
function openAccelerate(names: readonly string[], threads: number): NativeLibrary | Refusal {
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

interface Candidate {
  title: string;
  /** File names, by operating system. */
  files: Record<string, readonly string[] | undefined>;
  /** Completes "install it with". */
  install: string;
  /** The operations that it computes. */
  work: string;
  open(files: readonly string[], threads: number): NativeLibrary | Refusal;
}

/** The libraries, the fastest first. */
const CANDIDATES: Record<NativeName, Candidate> = {
  onednn: {
    title: "oneDNN",
    files: {
      linux: ["libdnnl.so.3", "libdnnl.so.3.6", "libdnnl.so.2"],
      darwin: ["libdnnl.3.dylib", "/opt/homebrew/lib/libdnnl.3.dylib"],
    },
    install: "apt-get install libdnnl2",
    work: "products and convolutions",
    open: openOneDnn,
  },
  accelerate: {
    title: "Accelerate",
    files: { darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate"] },
    install: "macOS",
    work: "products",
    open: openAccelerate,
  },
  openblas: {
    title: "OpenBLAS",
    files: {
      linux: ["libopenblas.so.0"],
      darwin: ["libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"],
    },
    install: "apt-get install libopenblas0",
    work: "products",
    open: openOpenBlas,
  },
  blis: {
    title: "BLIS",
    files: { linux: ["libblis.so.4"], darwin: ["/opt/homebrew/lib/libblis.4.dylib"] },
    install: "apt-get install libblis4",
    work: "products",
    open: openBlis,
  },
};

/** An open library, and one line about the choice. */
export interface NativeChoice {
  /** The library; missing where none can be used. */
  library?: NativeLibrary;
  /** The operations that it computes and the libraries that are missing, or why there is no library. */
  reason: string;
}

/** Libraries that are open: they stay so until the process ends. */
const OPENED = new Map<NativeName, NativeLibrary>();

/**
 * Opens a library.
 *
 * @param wanted Name of the library, or `true` for the fastest that is installed.
 * @param threads Number of its threads.
 * @param files Files to look for, in place of the usual ones.
 */
export function openNative(
  wanted: true | NativeName,
  threads: number,
  files?: readonly string[],
): NativeChoice {
  if (!opensLibraries()) return { reason: "no native library, as only Deno opens one" };
  const refused: string[] = [];
  for (const name of wanted === true ? usual() : [wanted]) {
    const { title, work } = CANDIDATES[name];
    const library = files ? CANDIDATES[name].open(files, threads) : open(name, threads);
    if ("refused" in library) {
      if (library.refused === "permission") {
        return { reason: "no native library, as that needs --allow-ffi" };
      }
      refused.push(`no ${title}, as ${why(name, library)}`);
      continue;
    }
    if (library.slow && wanted === true) {
      refused.push(`no ${title}, as ${library.slow}`);
      continue;
    }
    library.setThreads(threads);
    const lacking = refused.map((reason) => `; ${reason}`).join("");
    return { library, reason: `${work} by ${library.name}${lacking}` };
  }
  return { reason: refused.join("; ") || "no native library, as none is known for this system" };
}

/** The libraries that are faster than WebAssembly on such a machine, the fastest first. */
function usual(): NativeName[] {
  const { os, arch } = platform();
  // On other processors, oneDNN computes much in its slow, general way.
  const names = NATIVE_NAMES.filter((name) => name !== "onednn" || arch === "x86_64");
  return names.filter((name) => CANDIDATES[name].files[os]);
}

function open(name: NativeName, threads: number): NativeLibrary | Refusal {
  const known = OPENED.get(name);
  if (known) return known;
  const files = CANDIDATES[name].files[platform().os];
  if (!files) return { refused: "missing" };
  const library = CANDIDATES[name].open(files, threads);
  if (!("refused" in library)) OPENED.set(name, library);
  return library;
}

/** Completes "no oneDNN, as". */
function why(name: NativeName, refusal: Refusal): string {
  const { files, install } = CANDIDATES[name];
  switch (refusal.refused) {
    case "version":
      return `its version is not known: ${refusal.found}`;
    case "threads":
      return refusal.found;
    case "symbols":
      return "it lacks functions that are needed";
    default:
      return files[platform().os] ? `it is not installed: ${install}` : "it is for other systems";
  }
}
