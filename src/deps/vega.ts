/**
 * Vega, which draws, without a browser. It is large: import it only once something is to be drawn.
 *
 * Its own types refer to those of browsers and of d3, so the little that is used is declared here.
 *
 * @module
 */
// @ts-types="./vega.d.ts"
export { parse, View } from "npm:vega@6.4.0";
