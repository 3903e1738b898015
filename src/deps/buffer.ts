/**
 * Node's `Buffer` for browsers, where some packages expect it as a global; elsewhere it is there.
 *
 * @module
 */
import { Buffer } from "npm:buffer@6.0.3";

if (typeof Deno === "undefined" && !("Buffer" in globalThis)) {
  Object.assign(globalThis, { Buffer });
}
