/**
 * The JPEG decoder of Squoosh: MozJPEG, in WebAssembly.
 *
 * @module
 */
export { decode } from "npm:@jsquash/jpeg@1.6.0";
