/**
 * Compiles the kernels to WebAssembly, in each build that a machine may need, and writes them as
 * hexadecimal digits into `src/backend/kernels.generated.ts`: one build, and the difference of the
 * other from it. Compressed, as browsers get them, digits of whole bytes are smaller than base64.
 *
 * @module
 */
import { FUNCTION_NAMES, TABLE_LAYOUTS } from "../src/backend/kernel_constants.ts";
import { main } from "../src/deps/assemblyscript.ts";

const SOURCE = new URL("../assembly/", import.meta.url);
const TARGET = new URL("../src/backend/kernels.generated.ts", import.meta.url);

/** Options of the compiler for the build that fuses multiply-adds. */
const RELAXED = ["--enable", "relaxed-simd"];

/**
 * Options of the compiler for every build.
 *
 * With a maximum, the imported memory can be shared by setting a flag: no build with threads is
 * needed. With `-O2`, binaryen moves the multiply-adds of the inner loop into chains, the engine runs
 * out of registers, and products take twice as long.
 */
// deno-fmt-ignore
const OPTIONS = [
  "index.ts", "--outFile", "kernels.wasm", "-O1", "--runtime", "stub", "--noAssert",
  "--use", "abort=", "--importMemory", "--maximumMemory", "65536", "--enable", "simd",
  "--disableWarning", "112",
];

/** Offsets of the fields of each table, and its size, in bytes: sources that no file holds. */
const TABLES = Object.fromEntries(
  Object.entries(TABLE_LAYOUTS).map(([name, fields]) => [
    `${name}.ts`,
    [...fields, "BYTES"].map((field, i) => `export const ${field}: usize = ${i * 4};\n`).join(""),
  ]),
);

/** The number of each function, and a class, so that the compiler makes a loop for each. */
const NUMBERS = Object.fromEntries(
  Object.entries(FUNCTION_NAMES).map(([list, names]) => [
    `${list}.ts`,
    names.map((name, i) =>
      `export const ${name}: i32 = ${i};\nexport class ${toClassName(name)} {}\n`
    ).join(""),
  ]),
);

/** `HARD_SIGMOID` as `HardSigmoid`. */
function toClassName(name: string): string {
  return name.split("_").map((word) => word[0] + word.slice(1).toLowerCase()).join("");
}

const GENERATED: Record<string, string> = { ...TABLES, ...NUMBERS };

/** A call that makes a constant vector, of which the build makes a global: see assembly/constants.ts. */
const CONSTANT = /\bconstant(?:Double|Integer)?\((?:-?[\d.][\w.\-/ ]*|-?Infinity|NaN)\)/g;

/** The sources as the compiler reads them, by name. */
async function readSources(): Promise<Record<string, string>> {
  const sources = { ...GENERATED };
  for await (const { name } of Deno.readDir(SOURCE)) {
    sources[name] = await Deno.readTextFile(new URL(name, SOURCE));
  }
  const calls = Object.values(sources).flatMap((text) => text.match(CONSTANT) ?? []);
  const constants = [...new Set(calls)].sort();
  const nameOf = (call: string) => `CONSTANT_${constants.indexOf(call)}`;
  for (const [name, text] of Object.entries(sources)) {
    const used = [...new Set((text.match(CONSTANT) ?? []).map(nameOf))];
    if (used.length === 0) continue;
    sources[name] = `import { ${used.join(", ")} } from "./constant_vectors";\n${
      text.replaceAll(CONSTANT, nameOf)
    }`;
  }
  const lines = constants.map((call) => `export const ${nameOf(call)} = ${call};\n`);
  sources["constant_vectors.ts"] =
    `import { constant, constantDouble, constantInteger } from "./constants";\n${lines.join("")}`;
  return sources;
}

async function compile(sources: Record<string, string>, options: string[]): Promise<Uint8Array> {
  let module: Uint8Array | undefined;
  const { error, stderr } = await main([...OPTIONS, ...options], {
    readFile: (name) => sources[name] ?? null,
    writeFile: (_, contents) => void (module = contents as Uint8Array),
    listFiles: () => [],
  });
  if (error || !module) throw new Error(`Cannot compile the kernels: ${stderr}`, { cause: error });
  return module;
}

/** A function, with its parameters: `name: type, …`. */
const FUNCTION = /^export function (\w+)\(([^)]*)\)/gm;

/**
 * The places of the addresses among each kernel's arguments, by name: WebAssembly itself does not
 * tell them from other integers. A recording of a step moves addresses.
 */
async function addressesOf(): Promise<Record<string, number[]>> {
  const index = await Deno.readTextFile(new URL("index.ts", SOURCE));
  const addresses: Record<string, number[]> = {};
  for (const [, names, file] of index.matchAll(/^export \{([^}]*)\} from "\.\/(\w+)"/gm)) {
    const wanted = names.split(",").map((name) => name.trim());
    const source = await Deno.readTextFile(new URL(`${file}.ts`, SOURCE));
    for (const [, name, parameters] of source.matchAll(FUNCTION)) {
      if (!wanted.includes(name)) continue;
      const types = parameters.replaceAll(/\/\/.*|\/\*.*?\*\//g, "").split(",").map((parameter) =>
        parameter.split(":").at(-1)!.trim()
      );
      addresses[name] = types.flatMap((type, place) => type === "usize" ? [place] : []);
    }
    const missing = wanted.filter((name) => name && !addresses[name]);
    if (missing.length > 0) throw new Error(`Cannot find ${missing.join(", ")} in ${file}.ts`);
  }
  return addresses;
}

/** Shortest run of bytes that a difference copies: a shorter one costs more than its bytes. */
const SHORTEST = 12;

/**
 * Encodes bytes by what they have in common with others: the bytes of an array are written as they
 * are, or copied from the other array. `src/backend/wasm_modules.ts` decodes it.
 *
 * @returns Groups of numbers, each in bytes of 7 bits: number of new bytes, these bytes, number of bytes
 *   to copy, and how far the copy begins after the end of the last one, doubled; odd: before it.
 */
export function encodeDifference(source: Uint8Array, target: Uint8Array): Uint8Array {
  const places = new Map<string, number[]>();
  const keyAt = (bytes: Uint8Array, at: number) => bytes.subarray(at, at + SHORTEST).join();
  for (let at = 0; at + SHORTEST <= source.length; at++) {
    const key = keyAt(source, at);
    places.set(key, [...places.get(key) ?? [], at]);
  }
  const encoded: number[] = [];
  const put = (value: number) => {
    for (; value > 127; value >>>= 7) encoded.push(value % 128 + 128);
    encoded.push(value);
  };
  let begin = 0, end = 0;
  const putNew = (at: number) => {
    put(at - begin);
    encoded.push(...target.subarray(begin, at));
  };
  for (let at = 0; at < target.length;) {
    let length = 0, from = 0;
    for (const place of places.get(keyAt(target, at)) ?? []) {
      let same = SHORTEST;
      while (at + same < target.length && source[place + same] === target[at + same]) same++;
      if (same > length) [length, from] = [same, place];
    }
    if (length === 0) {
      at++;
      continue;
    }
    putNew(at);
    put(length);
    put(from < end ? 2 * (end - from) - 1 : 2 * (from - end));
    at = begin = at + length;
    end = from + length;
  }
  putNew(target.length);
  return Uint8Array.from(encoded);
}

/** Returns the text of the generated file. */
export async function buildKernels(): Promise<string> {
  const lines = ["// Generated by `deno task build:kernels`. Do not edit.", ""];
  lines.push("/** The places of the addresses among each kernel's arguments. */");
  lines.push("export const addresses: Record<string, number[]> = {");
  for (const [name, places] of Object.entries(await addressesOf())) {
    lines.push(`  ${name}: [${places.join(", ")}],`);
  }
  lines.push("};");
  const sources = await readSources();
  const [relaxed, simd] = [await compile(sources, RELAXED), await compile(sources, [])];
  lines.push("/** The kernels as hexadecimal digits, build `relaxed`. */");
  lines.push(`export const relaxed: string =\n  "${relaxed.toHex()}";`);
  lines.push(
    "/** The difference of the build `simd` from that, in the same way: see scripts/build_kernels.ts. */",
  );
  lines.push(`export const simd: string =\n  "${encodeDifference(relaxed, simd).toHex()}";`);
  return lines.join("\n") + "\n";
}

if (import.meta.main) await Deno.writeTextFile(TARGET, await buildKernels());
