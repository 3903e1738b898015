/** The part of Node's `process` through which its modules are reached. */
interface Host {
  getBuiltinModule?(name: string): unknown;
}

/**
 * Returns a built-in module of Node, which Deno and Bun have as well.
 *
 * It is not imported: a browser could not load a module with such an import, and a bundler for
 * browsers would refuse it.
 *
 * @param name Name of the module, such as `node:fs`.
 * @returns The module; `undefined` in a browser.
 */
export function builtinModule<T>(name: string): T | undefined {
  const { process } = globalThis as { process?: Host };
  return process?.getBuiltinModule?.(name) as T | undefined;
}
