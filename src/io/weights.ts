import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import type { HostTensor } from "./host_tensor.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { StorageError } from "./storage_error.ts";
import { toTensor } from "./to_tensor.ts";
import { readTensors } from "./read_tensors.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/**
 * Saves the weights of a model in the safetensors format, in the layout of TensorFlow.js.
 *
 * @param model Anything with named weights.
 * @param path Where to; an older file there is replaced in a single step.
 * @throws whatever the file system threw; then an older file there is untouched.
 */
export async function saveWeights(model: tf.LayersModel, path: string | URL): Promise<void> {
  const tensors = new Map(model.weights.map((weight) => [weight.originalName, weight.read()]));
  await writeSafetensors(path, await readTensors(tensors), { format: "tfjs" });
}

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions {
  /**
   * Turns the name of each tensor in the file into the name of a weight of the model: patterns and
   * what replaces them, applied in order. Default: none.
   */
  rename?: readonly (readonly [pattern: RegExp | string, replacement: string])[];
  /** Only the weights whose names match are loaded, the others stay. Default: all. */
  only?: RegExp;
  /**
   * Whether every weight must be found, and every tensor be used; if not, at least one must be.
   * Default: `true`.
   */
  strict?: boolean;
  /**
   * Whose layout the tensors have. `"pytorch"` moves axes: kernels of dense layers from
   * `[out, in]` to `[in, out]`, of convolutions from `[out, in, …space]` to `[…space, in, out]`, of
   * depthwise convolutions from `[channels, 1, …space]` to `[…space, channels, 1]`. Default:
   * `"tfjs"`.
   */
  layout?: "tfjs" | "pytorch";
}

/** The names that PyTorch gives to what TensorFlow.js calls otherwise, by the end of the name. */
const PYTORCH: readonly (readonly [string, readonly string[]])[] = [
  ["kernel", ["weight"]],
  ["depthwise_kernel", ["weight"]],
  ["embeddings", ["weight"]],
  ["gamma", ["weight"]],
  ["beta", ["bias"]],
  ["bias", ["bias"]],
  ["moving_mean", ["running_mean"]],
  ["moving_variance", ["running_var"]],
];

/**
 * Loads weights from a safetensors file, of ours or of anybody's.
 *
 * Tensors are found by name: `dense/kernel`, in PyTorch's layout also `dense.weight`, where
 * `num_batches_tracked` is not needed. A dense layer right after a flattened image sees its inputs in
 * another order here, [height, width, channels], which no map of axes can mend. Nothing is changed unless everything fits.
 *
 * @param model Whose weights to set.
 * @param path A path, or a `file:` URL.
 * @param options Which, under what names, in whose layout.
 * @returns The names of the weights that were set.
 * @throws {StorageError} If names or shapes do not fit: the error lists each of them.
 */
export async function loadWeights(
  model: tf.LayersModel,
  path: string | URL,
  options: LoadWeightsOptions = {},
): Promise<string[]> {
  checkOptions("load weights", options, { rename: true, only: true, strict: true, layout: true });
  const { rename = [], only = /^/, strict = true, layout = "tfjs" } = options;
  using file = await SafetensorsFile.open(path);
  if (file.metadata.sha256 !== undefined) await file.verify();
  const names = new Map([...file.entries.keys()].map((name) => [
    rename.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), name),
    name,
  ]));
  const wanted = model.weights.filter(({ originalName }) => only.test(originalName));
  const differences: string[] = [];
  const used = new Set<string>();
  const found: { weight: typeof wanted[number]; name: string }[] = [];
  for (const weight of wanted) {
    const { originalName, shape } = weight;
    const key = namesOf(originalName, layout).find((name) => names.has(name));
    if (key === undefined) {
      if (strict) differences.push(`no tensor for ${originalName} [${shape}]`);
      continue;
    }
    used.add(key);
    const name = names.get(key)!;
    const actual = file.entries.get(name)!.shape;
    const moved = axesOf(originalName, actual.length, layout)?.map((axis) => actual[axis]) ??
      actual;
    if (`${moved}` === `${shape}`) found.push({ weight, name });
    else differences.push(`${originalName} must be [${shape}], ${name} is [${moved}]`);
  }
  for (const name of names.keys()) {
    const needless = layout === "pytorch" && name.endsWith("num_batches_tracked");
    if (strict && only.source === "^" && !used.has(name) && !needless) {
      differences.push(
        `no weight for tensor ${name} [${file.entries.get(names.get(name)!)!.shape}]`,
      );
    }
  }
  if (found.length === 0 && differences.length === 0) {
    differences.push(`no tensor for any weight: there are ${[...names.keys()].join(", ")}`);
  }
  if (differences.length > 0) {
    throw new StorageError(
      "mismatch",
      `Cannot load weights from ${file.path} as they must fit the model ` +
        "(`rename` changes names, `strict: false` passes over those of one side only)",
      differences,
    );
  }
  const loaded: [typeof wanted[number], HostTensor, string][] = [];
  for (const { weight, name } of found) loaded.push([weight, await file.read(name), name]);
  tf.tidy(() => {
    for (const [weight, host, name] of loaded) {
      const tensor = toTensor(host, name);
      const axes = axesOf(weight.originalName, host.shape.length, layout);
      weight.write((axes ? tensor.transpose(axes) : tensor).cast(weight.dtype ?? "float32"));
    }
  });
  return found.map(({ weight }) => weight.originalName);
}

function namesOf(name: string, layout: string): string[] {
  if (layout === "tfjs") return [name];
  const at = name.lastIndexOf("/");
  const [layer, kind] = [name.slice(0, at), name.slice(at + 1)];
  const [, kinds] = PYTORCH.find(([ending]) => ending === kind) ?? [kind, [kind]];
  return [name, ...kinds.map((kind) => `${layer.replaceAll("/", ".")}.${kind}`)];
}

/** Where each axis of a weight is found in PyTorch's layout; `undefined` where they agree. */
function axesOf(name: string, rank: number, layout: string): number[] | undefined {
  if (layout === "tfjs" || rank < 2 || !/kernel$/.test(name)) return undefined;
  const space = Array.from({ length: rank - 2 }, (_, axis) => axis + 2);
  return /depthwise_kernel$/.test(name) ? [...space, 0, 1] : [...space, 1, 0];
}
