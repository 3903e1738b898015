import { fileSystem, isMissing } from "../host/files.ts";
import { toPath } from "./write_file.ts";

/** The size of a file in bytes; 0 if the file does not exist. */
export async function sizeOfFile(path: string | URL): Promise<number> {
  try {
    return (await fileSystem.stat(toPath(path))).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
