import { type ModelStructure, structureDigest } from "../model/model_structure.ts";
import { type JsonLimits, parseJson } from "../text/text.ts";
import { MAX_STATE_DEPTH } from "./state_codec.ts";
import { DTYPES, type HostTensor, hostTensor, TENSOR_DTYPES } from "./host_tensor.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { damaged, writeSafetensors } from "./safetensors_format.ts";
import * as field from "../checks/fields.ts";
import { StorageError } from "./files.ts";

/** Each level of a state takes up to three of JSON. */
const LIMITS: JsonLimits = { depth: 3 * MAX_STATE_DEPTH + 10, values: 1 << 23 };

/**
 * The whole state of a run between two batches: JSON and numbers, independent of any backend and
 * without code.
 *
 * @category Files
 */
export interface RunCheckpoint {
  /** Version of the format. */
  readonly format: number;
  /** Time of the checkpoint, as ISO 8601. */
  readonly time: string;
  /**
   * Versions of this package (`trainchart`) and of TensorFlow.js (`tfjs`), the name of the backend
   * (`backend`), and its native library with the number of threads (`native`), where it had one.
   */
  readonly versions: Readonly<Record<string, string>>;
  /** Index of the current epoch, 0-based. */
  readonly epoch: number;
  /** Number of batches of the current pass that are done. */
  readonly batch: number;
  /** The current phase. */
  readonly phase: string;
  /** The error that ended the run, if it failed: such a checkpoint cannot be resumed. */
  readonly error: string | null;
  /** Seed of the run, if it has one. */
  readonly seed: number | null;
  /** Class name of the optimizer. */
  readonly optimizer: string;
  /** Structure of the model. */
  readonly model: ModelStructure;
  /** Everything else, as JSON that refers to tensors. */
  readonly state: unknown;
  /** Tensors by name: `weights/<name>`, and those that `state` refers to. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/**
 * Saves a checkpoint as one file in the safetensors format: tensors by name, and everything else as
 * JSON in its metadata. The file appears at its path only when it is complete and on the disk.
 *
 * @param path Path of the file, or a `file:` URL. An older file is replaced in a single step.
 * @param checkpoint The checkpoint, as `learner.checkpoint()` returns it.
 * @throws {Error} If the file system fails. An older file is then unchanged.
 *
 * @example
 * ```ts
 * import { adam, Learner, meanSquaredError, tf, withSeed } from "@trainchart/trainchart";
 * import { loadCheckpoint, saveCheckpoint } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const make = () =>
 *   new Learner({
 *     model: withSeed(1, () =>
 *       tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] })),
 *     optimizer: adam(0.1),
 *     lossFunction: meanSquaredError,
 *     dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *     seed: 1,
 *   });
 * const folder = await Deno.makeTempDir();
 * const learner = make();
 * learner.callbacks.push({
 *   async afterEpoch({ epoch }) {
 *     if (epoch !== 1) return;
 *     await saveCheckpoint(`${folder}/two.safetensors`, await learner.checkpoint());
 *   },
 * });
 * const { trainLoss } = await learner.train({ epochs: 5 });
 *
 * const from = await loadCheckpoint(`${folder}/two.safetensors`);
 * assertEquals((await make().train({ epochs: 5, from })).trainLoss, trainLoss);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Files
 */
export async function saveCheckpoint(path: string | URL, checkpoint: RunCheckpoint): Promise<void> {
  const { tensors, metadata } = checkpointFile(checkpoint);
  await writeSafetensors(path, tensors, metadata);
}

/** Returns the tensors and the metadata of the file of a checkpoint. */
export function checkpointFile(
  { tensors, ...rest }: RunCheckpoint,
): { tensors: RunCheckpoint["tensors"]; metadata: Record<string, string> } {
  return { tensors, metadata: { format: "trainchart", checkpoint: JSON.stringify(rest) } };
}

/**
 * Loads a checkpoint that {@linkcode saveCheckpoint} saved, and verifies its checksum.
 *
 * @param path Path of the file, or a `file:` URL.
 * @returns The checkpoint, for `learner.train({ from })`.
 * @throws {StorageError} If the file is damaged, not a checkpoint, or of a newer version.
 * @category Files
 */
export async function loadCheckpoint(path: string | URL): Promise<RunCheckpoint> {
  using file = await SafetensorsFile.open(path);
  await file.verify();
  const { checkpoint, format } = file.metadata;
  if (format !== "trainchart" || checkpoint === undefined) {
    throw damaged(file.path, "it must be a checkpoint: it has only tensors");
  }
  const rest = parse(checkpoint, file.path);
  const tensors = new Map<string, HostTensor>();
  for (const [name, { dtype }] of file.entries) {
    if (!Object.hasOwn(DTYPES, dtype)) {
      throw damaged(file.path, `tensor ${name} is of type ${dtype}`);
    }
    tensors.set(name, await file.read(name));
  }
  const loaded = { ...rest, tensors };
  await checkCheckpoint(loaded, file.path);
  return loaded;
}

function parse(text: string, path: string): Omit<RunCheckpoint, "tensors"> {
  try {
    return parseJson(text, LIMITS) as RunCheckpoint;
  } catch (cause) {
    throw damaged(path, "its checkpoint must be JSON", cause);
  }
}

/** Names of the files of the Checkpoint callback: number, phase, position, and whether the run failed. */
const NAME = /^(\d{8})-(train|validate|test|idle)-epoch-\d+-batch-\d+(-error)?\.safetensors$/;

/** Returns the name of a file of the Checkpoint callback. Names sort by time. */
export function checkpointName(
  number: number,
  { phase, epoch, batch, error }: Pick<RunCheckpoint, "phase" | "epoch" | "batch" | "error">,
): string {
  const digits = (count: number, length: number) => String(count).padStart(length, "0");
  return `${digits(number, 8)}-${phase}-epoch-${digits(epoch, 4)}-batch-${digits(batch, 6)}` +
    `${error === null ? "" : "-error"}.safetensors`;
}

/** Parses such a name; returns `undefined` for any other file. */
export function parseCheckpointName(name: string): { number: number; failed: boolean } | undefined {
  const match = NAME.exec(name);
  return match ? { number: Number(match[1]), failed: match[3] !== undefined } : undefined;
}

/** The newest format of checkpoints that this version reads. */
export const CHECKPOINT_FORMAT = 1;

const count = field.integer({ min: 0 });

const shape = field.record({
  time: field.text,
  versions: field.recordOf(field.text),
  epoch: count,
  batch: count,
  phase: field.oneOf(["train", "validate", "test"]),
  error: field.nullable(field.text),
  seed: field.nullable(field.integer()),
  optimizer: field.text,
  model: field.record({
    digest: field.text,
    layers: field.list(field.that("must be JSON", isJson)),
    weights: field.list(field.record({
      name: field.text,
      shape: field.list(count),
      dtype: field.oneOf(Object.keys(TENSOR_DTYPES)),
    })),
  }),
  state: field.recordOf(field.anything),
  tensors: field.mapOf(field.text, hostTensor),
});

/**
 * Checks everything in a checkpoint but `state`, which only a Learner can check.
 *
 * @param checkpoint The checkpoint, from anywhere.
 * @param name Name of the checkpoint, for errors.
 * @throws {StorageError} If a field is missing or wrong, or the format is newer than this version.
 */
export async function checkCheckpoint(checkpoint: unknown, name: string): Promise<void> {
  const { format } = Object(checkpoint) as { format?: number };
  refuse(field.integer({ min: 1 })(format, "format"), name);
  if (format! > CHECKPOINT_FORMAT) {
    throw new StorageError(
      "version",
      `Cannot load ${name} as its format must be at most ${CHECKPOINT_FORMAT}: ` +
        `current value is ${format}, of a newer version of this package`,
    );
  }
  refuse(shape(checkpoint, ""), name);
  const { digest, layers, weights } = (checkpoint as { model: ModelStructure }).model;
  const actual = await structureDigest(layers, weights);
  const isRight = field.that(
    `must be ${actual}, the digest of its layers and weights`,
    (value) => value === actual,
  );
  refuse(isRight(digest, "model.digest"), name);
  const names = new Set(weights.map(({ name }) => name));
  const areUnique = field.that("must have different names", () => names.size === weights.length);
  refuse(areUnique(weights, "model.weights"), name);
}

/**
 * Throws if there is a problem.
 *
 * @param problem The problem of a field of a checkpoint; `undefined` if the field is right.
 * @param name Name of the checkpoint, for errors.
 * @throws {StorageError} If there is a problem.
 */
export function refuse(problem: field.FieldProblem | undefined, name: string): void {
  if (!problem) return;
  const { path, required, actual } = problem;
  throw new StorageError(
    "damaged",
    `Cannot load ${name} as ${path.replace(/^\./, "") || "it"} ${required}: ` +
      `current value is ${actual}`,
  );
}

function isJson(value: unknown): boolean {
  try {
    return typeof JSON.parse(value as string) === "object";
  } catch {
    return false;
  }
}
