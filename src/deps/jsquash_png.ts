/**
 * The PNG decoder of Squoosh, in WebAssembly.
 *
 * @module
 */
export { decode } from "npm:@jsquash/png@3.1.1";
