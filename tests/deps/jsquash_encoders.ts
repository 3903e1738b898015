/**
 * The encoders of Squoosh, which make images for tests.
 *
 * @module
 */
export { encode as encodeJpeg } from "npm:@jsquash/jpeg@1.6.0";
export { encode as encodePng } from "npm:@jsquash/png@3.1.1";
export { encode as encodeWebp } from "npm:@jsquash/webp@1.5.0";
