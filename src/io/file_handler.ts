import { fileSystem } from "../host/files.ts";
import { tf } from "../deps/tfjs.ts";
import { splitPath, toPath, writeAtomically } from "./files.ts";

/** Name of the file of weights beside `model.json`. */
const WEIGHTS = "weights.bin";

/**
 * Saves models to and loads them from a folder, in the format of TensorFlow.js: `model.json` and
 * `weights.bin`, which a web page reads with `tf.loadLayersModel("…/model.json")`.
 *
 * With this package imported, `model.save("file:///folder")` and
 * `tf.loadLayersModel("file:///folder/model.json")` do the same.
 *
 * @param path The folder, or `model.json` in it: a path, or a `file:` URL.
 * @returns A handler for `model.save()` and `tf.loadLayersModel()`.
 * @throws {TypeError} If the path is neither a string nor a `file:` URL.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { fileHandler } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const granted = await Deno.permissions.query({ name: "write" });
 * if (granted.state === "granted") {
 *   const folder = await Deno.makeTempDir();
 *   const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 *   await model.save(fileHandler(folder));
 *   const loaded = await tf.loadLayersModel(fileHandler(folder));
 *   assertEquals(loaded.getWeights()[0].arraySync(), model.getWeights()[0].arraySync());
 *   await Deno.remove(folder, { recursive: true });
 * }
 * ```
 *
 * @category Files
 */
export function fileHandler(path: string | URL): tf.io.IOHandler {
  const plain = toPath(path);
  const folder = plain.endsWith(".json") ? plain.replace(/\/?[^/]*$/, "") || "." : plain;
  const json = plain.endsWith(".json") ? plain : `${folder}/model.json`;
  return { save: (artifacts) => save(folder, json, artifacts), load: () => load(folder, json) };
}

async function save(
  folder: string,
  path: string,
  artifacts: tf.io.ModelArtifacts,
): Promise<tf.io.SaveResult> {
  await fileSystem.mkdir(folder, { recursive: true });
  const { weightData, weightSpecs = [], ...rest } = artifacts;
  const parts = weightData === undefined
    ? []
    : [weightData].flat().map((part) => new Uint8Array(part));
  const weightsManifest = [{ paths: [WEIGHTS], weights: weightSpecs }];
  const text = JSON.stringify({ ...rest, weightsManifest });
  await write(`${folder}/${WEIGHTS}`, parts);
  await write(path, [new TextEncoder().encode(text)]);
  const modelArtifactsInfo = {
    ...tf.io.getModelArtifactsInfoForJSON(artifacts),
    dateSaved: new Date(),
  };
  return { modelArtifactsInfo };
}

async function write(path: string, parts: Uint8Array[]): Promise<void> {
  await writeAtomically(path, async (file) => {
    for (const part of parts) await file.write(part);
  });
}

async function load(folder: string, path: string): Promise<tf.io.ModelArtifacts> {
  const json = JSON.parse(await fileSystem.readFile(path, "utf8"));
  return await tf.io.getModelArtifactsForJSON(json, async (manifest) => {
    const parts: Uint8Array[] = [];
    for (const name of manifest.flatMap(({ paths }) => paths)) {
      parts.push(await fileSystem.readFile(await inside(folder, name, path)));
    }
    const whole = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return [manifest.flatMap(({ weights }) => weights), whole.buffer];
  });
}

/** Resolves a file of weights: neither a path in `model.json` nor a link may lead out of the folder. */
async function inside(folder: string, name: string, path: string): Promise<string> {
  if (/^[^/\\]+$/.test(name) && name !== "..") {
    const actual = await fileSystem.realpath(`${folder}/${name}`);
    if (splitPath(actual).folder === await fileSystem.realpath(folder)) return actual;
  }
  throw new RangeError(
    `Cannot load ${path} as its weights must be files in its folder: current value is ${name}`,
  );
}

const router = (url: string | string[]) =>
  typeof url === "string" && url.startsWith("file:") ? fileHandler(url) : null;
tf.io.registerSaveRouter(router as never);
tf.io.registerLoadRouter(router as never);
