import { checkOptions, describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { isModel, type Model, variablesOf } from "../model/model.ts";
import { type HostTensor, readTensors, toTensor } from "./host_tensor.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { StorageError } from "./files.ts";
import { writeSafetensors } from "./safetensors_format.ts";

/**
 * Saves the weights of a model in the safetensors format, in the layout of TensorFlow.js.
 *
 * @param model The model. The weights of one that is not made of layers have the names of its
 *   variables, or where TensorFlow.js has numbered these, their positions in the model.
 * @param path Path of the file, or a `file:` URL. An older file is replaced in a single step.
 * @throws {TypeError} If `model` is not a model.
 * @throws {Error} If the file system fails. An older file is then unchanged.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { loadWeights, saveWeights } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * // Layers of counted names, such as dense_1, would have other names in the second model.
 * const build = () =>
 *   tf.sequential({ layers: [tf.layers.dense({ name: "line", units: 1, inputShape: [2] })] });
 * const [trained, deployed] = [build(), build()];
 * const folder = await Deno.makeTempDir();
 * await saveWeights(trained, `${folder}/line.safetensors`);
 * await loadWeights(deployed, `${folder}/line.safetensors`);
 * assertEquals(deployed.getWeights()[0].arraySync(), trained.getWeights()[0].arraySync());
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Files
 */
export async function saveWeights(
  model: tf.LayersModel | Model,
  path: string | URL,
): Promise<void> {
  const tensors = new Map(
    weightsOf("save", model).map((weight) => [weight.originalName, weight.read()]),
  );
  await writeSafetensors(path, await readTensors(tensors), { format: "tfjs" });
}

/** A weight of any model, as layers have them. */
interface Weight {
  readonly originalName: string;
  readonly shape: readonly (number | null)[];
  readonly dtype?: tf.DataType;
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

function weightsOf(verb: string, model: tf.LayersModel | Model): Weight[] {
  const value: unknown = model;
  if (!isModel(value)) {
    throw new TypeError(
      `Cannot ${verb} weights as model must be a tf.LayersModel or { apply, trainableVariables }: ` +
        `current value is ${describeValue(value)}`,
    );
  }
  if ("trainableWeights" in model) return model.weights;
  return variablesOf(model).map((variable, index) => ({
    originalName: /^\d+$/.test(variable.name) ? `${index}` : variable.name,
    shape: variable.shape,
    dtype: variable.dtype,
    read: () => variable,
    write: (value) => variable.assign(value),
  }));
}

/**
 * Options of {@linkcode loadWeights}.
 *
 * @category Files
 */
export interface LoadWeightsOptions {
  /**
   * Converts the name of each tensor in the file to the name of a weight of the model: patterns and
   * their replacements, applied in order. Default: none.
   */
  rename?: readonly (readonly [pattern: RegExp | string, replacement: string])[];
  /** Pattern of the names of weights to load; the others stay as they are. Default: all. */
  only?: RegExp;
  /**
   * Whether every weight must be found and every tensor used. Otherwise at least one weight must be
   * found. Default: `true`.
   */
  strict?: boolean;
  /**
   * Layout of the tensors in the file. `"pytorch"` moves axes: kernels of dense layers from
   * `[out, in]` to `[in, out]`, of convolutions from `[out, in, …space]` to `[…space, in, out]`, of
   * depthwise convolutions from `[channels, 1, …space]` to `[…space, channels, 1]`. Default:
   * `"tfjs"`.
   */
  layout?: "tfjs" | "pytorch";
}

/** Last parts of the names of weights in TensorFlow.js, and what PyTorch calls them. */
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
 * Loads weights from a safetensors file of this package or any other.
 *
 * Tensors are found by name: `dense/kernel`, in PyTorch's layout also `dense.weight`;
 * `num_batches_tracked` is ignored there. A dense layer right after a flattened image has its inputs
 * in another order than in PyTorch, [height, width, channels], which moving axes cannot correct. No
 * weight is changed unless everything fits.
 *
 * @param model The model whose weights are set.
 * @param path Path of the file, or a `file:` URL.
 * @param options Which weights, their names and their layout.
 * @returns The names of the weights that were set.
 * @throws {StorageError} If names or shapes do not fit. The error lists all of them.
 * @throws {TypeError} If `model` is not a model, or an option is unknown.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { type HostTensor, loadWeights, writeSafetensors } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * // A file of PyTorch's nn.Sequential(nn.Linear(2, 1)).
 * const folder = await Deno.makeTempDir();
 * const tensors = new Map<string, HostTensor>([
 *   ["0.weight", { dtype: "F32", shape: [1, 2], values: Float32Array.of(3, 4) }],
 *   ["0.bias", { dtype: "F32", shape: [1], values: Float32Array.of(5) }],
 * ]);
 * await writeSafetensors(`${folder}/torch.safetensors`, tensors);
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ name: "line", units: 1, inputShape: [2] })],
 * });
 * const names = await loadWeights(model, `${folder}/torch.safetensors`, {
 *   layout: "pytorch",
 *   rename: [[/^0\./, "line."]],
 * });
 * assertEquals(names, ["line/kernel", "line/bias"]);
 * assertEquals(model.getWeights()[0].arraySync(), [[3], [4]]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Files
 */
export async function loadWeights(
  model: tf.LayersModel | Model,
  path: string | URL,
  options: LoadWeightsOptions = {},
): Promise<string[]> {
  checkOptions("load weights", options, { rename: true, only: true, strict: "flag", layout: true });
  const { rename = [], only, strict = true, layout = "tfjs" } = options;
  checkValues(only, layout);
  const weights = weightsOf("load", model);
  using file = await SafetensorsFile.open(path);
  if (file.metadata.sha256 !== undefined) await file.verify();
  const names = new Map([...file.entries.keys()].map((name) => [
    rename.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), name),
    name,
  ]));
  const wanted = weights.filter(({ originalName }) =>
    only === undefined || originalName.search(only) >= 0
  );
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
    if (strict && only === undefined && !used.has(name) && !needless) {
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
        "(`rename` changes names, `strict: false` skips those that only one side has)",
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

function checkValues(only: unknown, layout: unknown): void {
  if (only !== undefined && !(only instanceof RegExp)) {
    throw new TypeError(
      `Cannot load weights as only must be a RegExp: current value is ${describeValue(only)}`,
    );
  }
  if (layout !== "tfjs" && layout !== "pytorch") {
    throw new TypeError(
      'Cannot load weights as layout must be "tfjs" or "pytorch": current value is ' +
        describeValue(layout),
    );
  }
}

function namesOf(name: string, layout: string): string[] {
  if (layout === "tfjs") return [name];
  const at = name.lastIndexOf("/");
  const [layer, kind] = [name.slice(0, at), name.slice(at + 1)];
  const [, kinds] = PYTORCH.find(([ending]) => ending === kind) ?? [kind, [kind]];
  return [name, ...kinds.map((kind) => `${layer.replaceAll("/", ".")}.${kind}`)];
}

/** Returns the axis in PyTorch's layout of each axis of a weight; `undefined` if they agree. */
function axesOf(name: string, rank: number, layout: string): number[] | undefined {
  if (layout === "tfjs" || rank < 2 || !/kernel$/.test(name)) return undefined;
  const space = Array.from({ length: rank - 2 }, (_, axis) => axis + 2);
  return /depthwise_kernel$/.test(name) ? [...space, 0, 1] : [...space, 1, 0];
}
