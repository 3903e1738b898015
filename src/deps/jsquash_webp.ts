/**
 * The WebP decoder of Squoosh: libwebp, in WebAssembly.
 *
 * @module
 */
export { decode } from "npm:@jsquash/webp@1.5.0";
