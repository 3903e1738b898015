/**
 * Opens a native library that computes faster than WebAssembly.
 *
 * @module
 */
import { openAccelerate, openBlis, openOpenBlas } from "./blas.ts";
import { opensLibraries, platform } from "./foreign.ts";
import {
  NATIVE_NAMES,
  type NativeLibrary,
  type NativeName,
  type Refusal,
} from "./native_library.ts";
import { openOneDnn } from "./onednn.ts";

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
