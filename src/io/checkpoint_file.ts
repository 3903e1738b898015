import type { ModelStructure } from "../model/model_structure.ts";
import type { HostTensor } from "./host_tensor.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { damaged } from "./safetensors_header.ts";
import { StorageError } from "./storage_error.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** The format of checkpoints that this version writes, and the newest that it reads. */
export const CHECKPOINT_FORMAT = 1;

/**
 * The whole of a run's state between two batches: plain JSON and numbers, on no backend, and
 * nothing that could be run.
 */
export interface RunCheckpoint {
  /** The version of what follows. */
  readonly format: number;
  /** When it was taken, as ISO 8601. */
  readonly time: string;
  /** What it was taken with: this package, TensorFlow.js and its backend. */
  readonly versions: Readonly<Record<string, string>>;
  /** The epoch at hand, 0-based. */
  readonly epoch: number;
  /** How many batches of the pass at hand are behind us. */
  readonly batch: number;
  /** Which pass is at hand. */
  readonly phase: string;
  /** Why the run could not go on, if it could not: its checkpoint is not resumed. */
  readonly error: string | null;
  /** The seed of the run, if it has one. */
  readonly seed: number | null;
  /** What the optimizer is. */
  readonly optimizer: string;
  /** What the model is made of. */
  readonly model: ModelStructure;
  /** All the rest, as JSON that refers to tensors. */
  readonly state: unknown;
  /** All numbers: `weights/<name>`, and those that `state` refers to. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/**
 * Saves a checkpoint as one file in the safetensors format: tensors by name, and the rest as JSON
 * in its metadata. Until it is whole and on the disk, nothing shows at its path.
 *
 * @param path Where to; an older file there is replaced in a single step.
 * @param checkpoint What `learner.checkpoint()` returned.
 * @throws whatever the file system threw; then an older file there is untouched.
 */
export async function saveCheckpoint(path: string | URL, checkpoint: RunCheckpoint): Promise<void> {
  const { tensors, metadata } = checkpointFile(checkpoint);
  await writeSafetensors(path, tensors, metadata);
}

/** What is in the file of a checkpoint. */
export function checkpointFile(
  { tensors, ...rest }: RunCheckpoint,
): { tensors: RunCheckpoint["tensors"]; metadata: Record<string, string> } {
  return { tensors, metadata: { format: "trainchart", checkpoint: JSON.stringify(rest) } };
}

/**
 * Loads what {@linkcode saveCheckpoint} saved, and compares it with its checksum.
 *
 * @param path A path, or a `file:` URL.
 * @returns The checkpoint, for `learner.train({ from })`.
 * @throws {StorageError} If it is damaged, no checkpoint, or of a newer version.
 */
export async function loadCheckpoint(path: string | URL): Promise<RunCheckpoint> {
  using file = await SafetensorsFile.open(path);
  await file.verify();
  const { checkpoint, format } = file.metadata;
  if (format !== "trainchart" || checkpoint === undefined) {
    throw damaged(file.path, "it must be a checkpoint: it has tensors only");
  }
  const rest = JSON.parse(checkpoint) as RunCheckpoint;
  if (!(rest.format <= CHECKPOINT_FORMAT)) {
    throw new StorageError(
      "version",
      `Cannot load ${file.path} as its format must be at most ${CHECKPOINT_FORMAT}: it is ` +
        `${rest.format}, of a newer version of this package`,
    );
  }
  const tensors = new Map<string, HostTensor>();
  for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
  return { ...rest, tensors };
}

/** A file of the Checkpoint callback: its number, what it is, and why the run ended, if it did. */
const NAME = /^(\d{8})-(train|validate|test|idle)-epoch-\d+-batch-\d+(-error)?\.safetensors$/;

/** What a file of the Checkpoint callback is called; names sort by time. */
export function checkpointName(
  number: number,
  { phase, epoch, batch, error }: Pick<RunCheckpoint, "phase" | "epoch" | "batch" | "error">,
): string {
  const digits = (count: number, length: number) => String(count).padStart(length, "0");
  return `${digits(number, 8)}-${phase}-epoch-${digits(epoch, 4)}-batch-${digits(batch, 6)}` +
    `${error === null ? "" : "-error"}.safetensors`;
}

/** The number in a name, and whether the run failed there; `undefined` for any other file. */
export function parseCheckpointName(name: string): { number: number; failed: boolean } | undefined {
  const match = NAME.exec(name);
  return match ? { number: Number(match[1]), failed: match[3] !== undefined } : undefined;
}
