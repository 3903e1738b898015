/**
 * The functions of `jsr:@std/testing/mock` that our tests use, for machines that do not reach JSR.
 * Each is one call of `sinon`, under the same name and signature.
 *
 * @module
 */
import sinon from "npm:sinon@22.1.0";
import assertion from "node:assert/strict";

/** One call of a spy. */
export interface SpyCall<Args extends unknown[] = unknown[], Return = unknown> {
  /** The arguments of the call. */
  args: Args;
  /** The returned value. */
  returned?: Return;
  /** The thrown error. */
  error?: Error;
}

/** A function that records its calls. */
export interface Spy<Args extends unknown[] = unknown[], Return = unknown> {
  (...args: Args): Return;
  /** Its calls so far. */
  calls: SpyCall<Args, Return>[];
}

/** Wraps a function so that its calls are recorded. */
export function spy<Args extends unknown[] = unknown[], Return = undefined>(
  func: (...args: Args) => Return = () => undefined as Return,
): Spy<Args, Return> {
  const recording = sinon.spy(func);
  return Object.defineProperty(recording, "calls", {
    get: () =>
      // deno-lint-ignore no-explicit-any -- sinon's types are not installed
      recording.getCalls().map((call: any) => ({
        args: call.args,
        returned: call.returnValue,
        error: call.exception,
      })),
  }) as unknown as Spy<Args, Return>;
}

/** Asserts how often a spy was called. */
export function assertSpyCalls(spy: Spy<never[], unknown>, expectedCalls: number): void {
  assertion.equal(spy.calls.length, expectedCalls);
}
