import * as field from "../checks/fields.ts";
import { type ModelStructure, structureDigest } from "../model/model_structure.ts";
import { hostTensor, TENSOR_DTYPES } from "./host_tensor.ts";
import { StorageError } from "./storage_error.ts";

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
