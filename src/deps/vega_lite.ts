/**
 * Vega-Lite, a short language for pictures. It is large: import it only once something is to be
 * drawn.
 *
 * @module
 */
// @ts-types="./vega_lite.d.ts"
export { compile } from "npm:vega-lite@6.5.0";
