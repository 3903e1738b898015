import { tf } from "../deps/tfjs.ts";

/**
 * What a value is, for messages: a text in quotes, so that `"1"` is not taken for `1`; of a
 * function, a tensor or an object what it is, not all that is in it.
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

/** A class is often meant to be made one of, a function to be called: the name says which. */
function describeFunction(value: { name: string }): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
  return `the ${kind} ${value.name || "without a name"}`;
}
