import type { RunCheckpoint } from "./run_checkpoint.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/**
 * Saves a checkpoint as one file in the safetensors format: tensors by name, and the rest as JSON
 * in its metadata. Until it is whole and on the disk, nothing shows at its path.
 *
 * @param path Where to; an older file there is replaced in a single step.
 * @param checkpoint What `learner.checkpoint()` returned.
 * @throws whatever the file system threw; then an older file there is untouched.
 */
export async function saveCheckpoint(path: string | URL, checkpoint: RunCheckpoint): Promise<void> {
  const { tensors, metadata } = fileOf(checkpoint);
  await writeSafetensors(path, tensors, metadata);
}

/** What is in the file of a checkpoint. */
export function fileOf(
  { tensors, ...rest }: RunCheckpoint,
): { tensors: RunCheckpoint["tensors"]; metadata: Record<string, string> } {
  return { tensors, metadata: { format: "trainchart", checkpoint: JSON.stringify(rest) } };
}
