import type { HostTensor } from "./host_tensor.ts";
import { CHECKPOINT_FORMAT, type RunCheckpoint } from "./run_checkpoint.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { damaged } from "./safetensors_header.ts";
import { StorageError } from "./storage_error.ts";

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
