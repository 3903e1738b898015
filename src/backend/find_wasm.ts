/**
 * The file of tfjs's WebAssembly backend, wherever it is.
 *
 * @module
 */
import { describeValue } from "../checks/check_options.ts";
import { fileSystem, isMissing } from "../host/files.ts";
import { builtinModule, hostProcess } from "../host/host_process.ts";

/**
 * The file of tfjs's WebAssembly backend: a path, an address, or the bytes.
 *
 * It is `tfjs-backend-wasm-simd.wasm` in the folder `dist` of the package
 * `@tensorflow/tfjs-backend-wasm`. A path or an address that ends in a slash is its folder.
 *
 * @category Backends
 */
export type WasmFile =
  | { readonly path: string | URL }
  | { readonly url: string | URL }
  | { readonly bytes: Uint8Array<ArrayBuffer> | ArrayBuffer };

/** The bytes of the file, or the reason why it is missing. */
type Found = { bytes: Uint8Array<ArrayBuffer> } | { reason: string };

/**
 * Checks the option.
 *
 * @throws {TypeError} If it is not a path, an address or bytes.
 */
export function checkWasmFile(file: unknown): void {
  const { path, url, bytes, ...rest } = Object(file) as Record<string, unknown>;
  const given = [path, url, bytes].filter((value) => value !== undefined);
  const sound = bytes === undefined
    ? typeof given[0] === "string" || given[0] instanceof URL
    : bytes instanceof Uint8Array || bytes instanceof ArrayBuffer;
  if (given.length === 1 && sound && Object.keys(rest).length === 0) return;
  throw new TypeError(
    "Cannot select a backend as wasm must be one of { path }, { url } and { bytes }: " +
      `current value is ${describeValue(file)}`,
  );
}

/**
 * Finds the file.
 *
 * @param name Name of the file.
 * @param file The file that the program names, if it does.
 * @param installed Address of the package, if it is known.
 */
export async function findWasm(
  name: string,
  file: WasmFile | undefined,
  installed: string | undefined,
): Promise<Found> {
  if (file && "bytes" in file) return check(new Uint8Array(file.bytes), "the array");
  const places = file ? [placeOf(file, name)] : placesOf(name, installed);
  const tried: string[] = [];
  for (const place of places) {
    if (!place) return { reason: "a browser has no files: pass { url } or { bytes }" };
    try {
      const found = check(await read(place), place.href);
      if ("bytes" in found) return found;
      tried.push(found.reason);
    } catch (error) {
      // Deno would ask for one place after the other.
      const permission = /Requires read access to "([^"]+)"/.exec(String(error))?.[1];
      if (permission) {
        return {
          reason: `reading tfjs's WebAssembly needs --allow-read=${
            permission.replace(/[/\\][^/\\]*$/, "")
          }`,
        };
      }
      tried.push(isMissing(error) ? `there is no ${place.href}` : `${place.href}: ${error}`);
    }
  }
  return {
    reason: `${tried.join(", ") || `${name} is not found`}. Copy ${name} from ` +
      "node_modules/@tensorflow/tfjs-backend-wasm/dist to there, or name its place: " +
      "selectBackend({ wasm: { path } }), { url } or { bytes }",
  };
}

function check(bytes: Uint8Array<ArrayBuffer>, name: string): Found {
  return WebAssembly.validate(bytes) ? { bytes } : { reason: `${name} is not WebAssembly` };
}

/** The place that the program names; `undefined`: a path in a browser. */
function placeOf(file: Exclude<WasmFile, { bytes: unknown }>, name: string): URL | undefined {
  const isPath = "path" in file;
  const text = String(isPath ? file.path : file.url);
  const whole = text.endsWith("/") ? text + name : text;
  if (isPath && !/^file:/.test(whole)) return fileUrl(whole);
  return new URL(whole, page());
}

/**
 * Place of the file beside this module or bundle. The package for npm has it there, and Vite, webpack
 * and plugins of Rollup, which know this expression, put it into the bundle.
 */
const BESIDE = new URL("./tfjs-backend-wasm-simd.wasm", import.meta.url).href;

/** The places where the file may be: in its package, beside this module or bundle, beside the program. */
function placesOf(name: string, installed: string | undefined): URL[] {
  const programs = hostProcess ? [hostProcess.argv[1], hostProcess.execPath] : [];
  // A library that expects a page may have set a `location` without an address.
  const at = (place: string | URL | undefined) => place && URL.parse(name, place)?.href;
  const beside = name.includes("-simd") ? BESIDE : at(import.meta.url);
  const near = [at(installed), beside, ...programs.map(fileUrl).map(at), at(page())];
  return [...new Set(near)].flatMap((place) => place ? new URL(place) : []);
}

function fileUrl(path: string | undefined): URL | undefined {
  const url = builtinModule<{ pathToFileURL(path: string): URL }>("node:url");
  return path === undefined ? undefined : url?.pathToFileURL(path);
}

/** Address of the page, or of the worker's module. */
function page(): string | undefined {
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return document?.baseURI ?? location?.href;
}

async function read(place: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (place.protocol === "file:") return new Uint8Array(await fileSystem.readFile(place));
  const response = await fetch(place);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
