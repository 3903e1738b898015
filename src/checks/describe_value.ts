import { tf } from "../deps/tfjs.ts";

/**
 * Describes a value for an error message. Texts are quoted, so that `"1"` differs from `1`. Functions,
 * tensors and objects are described by their kind, not by their content.
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return describeFunction(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof tf.Tensor) return `a tensor of shape [${value.shape}]`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const { constructor } = value;
  if (typeof constructor === "function" && constructor !== Object) {
    return `an instance of ${constructor.name}`;
  }
  const keys = Object.keys(value).slice(0, 8).join(", ");
  return `an object with the keys ${keys || "(none)"}`;
}

/** Names a class or a function: often an instance or a result was meant. */
function describeFunction(value: { name: string }): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
  return `the ${kind} ${value.name || "without a name"}`;
}
