/**
 * AssemblyScript, which compiles our kernels. Nothing that `mod.ts` reaches imports it.
 *
 * @module
 */
export { main } from "npm:assemblyscript@0.28.9/asc";
