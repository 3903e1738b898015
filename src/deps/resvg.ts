/**
 * resvg, which turns SVG into pixels without a browser: import it only once a picture is wanted.
 *
 * @module
 */
export { initWasm, Resvg } from "npm:@resvg/resvg-wasm@2.6.2";

/** Address of the package, once it is loaded. */
export const resvgUrl: string = import.meta.resolve("npm:@resvg/resvg-wasm@2.6.2");
