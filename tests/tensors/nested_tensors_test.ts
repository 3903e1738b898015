import { assert, assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { disposeTensors, mapTensors, tensorsIn } from "../../src/tensors/nested_tensors.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";

/** A structure of every kind, with `count` tensors in it. */
function structure(): { nested: unknown; tensors: tf.Tensor[] } {
  const tensors = [0, 1, 2, 3, 4].map((value) => tf.scalar(value));
  const [a, b, c, d, e] = tensors;
  const nested = {
    a,
    list: [b, [c], "text", null, undefined, 7],
    map: new Map([["d", d]]),
    set: new Set([e]),
    bytes: new Uint8Array(2),
  };
  return { nested, tensors };
}

testTensors("tensorsIn() finds the tensors of arrays, records, maps and sets, in order", () => {
  const { nested, tensors } = structure();
  assertEquals(tensorsIn(nested).map(({ id }) => id), tensors.map(({ id }) => id));
  assertEquals(tensorsIn(7).length + tensorsIn(null).length + tensorsIn(undefined).length, 0);
  tf.dispose(tensors);
});

testTensors("mapTensors() replaces every tensor, and keeps the structure and all else", () => {
  const { nested, tensors } = structure();
  const doubled = mapTensors(nested, (tensor) => tensor.mul(2)) as Record<string, never>;
  assertEquals(tensorsIn(doubled).map((tensor) => tensor.dataSync()[0]), [0, 2, 4, 6, 8]);
  assertEquals(Object.keys(doubled), ["a", "list", "map", "set", "bytes"]);
  assert((doubled.map as unknown) instanceof Map && (doubled.set as unknown) instanceof Set);
  assertEquals((doubled.list as unknown[]).slice(2), ["text", null, undefined, 7]);
  assertEquals(tensors.map((tensor) => tensor.dataSync()[0]), [0, 1, 2, 3, 4]);
  disposeTensors(doubled);
  tf.dispose(tensors);
});

testTensors("disposeTensors() leaves variables alone, and a disposed tensor too", () => {
  const variable = tf.tidy(() => tf.variable(tf.scalar(1)));
  const [kept, gone] = [tf.scalar(2), tf.scalar(3)];
  gone.dispose();
  disposeTensors([variable, { kept }, [gone]]);
  assert(kept.isDisposed);
  assert(!variable.isDisposed);
  variable.dispose();
});
