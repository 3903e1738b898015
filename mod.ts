/**
 * Trainchart.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";
