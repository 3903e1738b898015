import { assertEquals, assertNotEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { withRandom } from "../../src/random/random_numbers.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

testOnBackends("dropout draws the random numbers of tfjs, bit by bit", () => {
  for (
    const [rate, shape, seed] of [[0.2, [7, 513], 3], [0.5, [1], 1], [0.9, [3, 1029], 0]] as const
  ) {
    const x = tf.randomNormal([...shape]);
    const layer = tf.layers.dropout({ rate, seed });
    const y = layer.apply(x, { training: true }) as tf.Tensor;
    assertEquals([...y.dataSync()], [...tf.dropout(x, rate, undefined, seed).dataSync()]);
    layer.dispose();
  }
});

testOnBackends("dropout without a seed draws one number from Math.random", () => {
  const layer = tf.layers.dropout({ rate: 0.5 });
  const x = tf.ones([9, 31]);
  const draw = (number: number, compute: () => tf.Tensor) => {
    let draws = 0;
    const values = withRandom(() => (draws++, number), () => [...compute().dataSync()]);
    assertEquals(draws, 1);
    return values;
  };
  const drop = () => layer.apply(x, { training: true }) as tf.Tensor;
  const first = draw(0.123, drop);
  assertEquals(first, draw(0.123, () => tf.dropout(x, 0.5)));
  assertNotEquals(first, draw(0.124, drop));
  assertNotEquals([...drop().dataSync()], [...drop().dataSync()]);
  layer.dispose();
});

testOnBackends("dropout has a noise shape, a gradient, and does nothing in inference", () => {
  const x = tf.randomNormal([4, 5, 6]);
  const layer = tf.layers.dropout({ rate: 0.4, seed: 5, noiseShape: [4, 1, null as never] });
  const apply = (x: tf.Tensor) => layer.apply(x, { training: true }) as tf.Tensor;
  const expected = tf.dropout(x, 0.4, [4, 1, 6], 5);
  assertEquals([...apply(x).dataSync()], [...expected.dataSync()]);
  const slope = tf.grad((x) => apply(x).sum())(x);
  const mask = tf.dropout(tf.onesLike(x), 0.4, [4, 1, 6], 5);
  assertEquals([...slope.dataSync()], [...mask.dataSync()]);
  assertEquals([...(layer.apply(x) as tf.Tensor).dataSync()], [...x.dataSync()]);
  layer.dispose();
});
