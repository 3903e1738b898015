import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { keyedRandom, mixKey, permutation } from "../../data.ts";
import { philox } from "../../src/random/random_numbers.ts";

function isPermutation(order: Int32Array): boolean {
  return order.toSorted().every((value, index) => value === index);
}

/** The chi-square statistic of counts that should all be the same. */
function chiSquare(counts: number[]): number {
  const expected = counts.reduce((sum, count) => sum + count) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

Deno.test("philox() gives the known answers of the Random123 library", () => {
  // kat_vectors of Random123 1.14, "philox4x32 10": counter, key, result.
  const known = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, [keyLow, keyHigh], result] of known) {
    const words = Uint32Array.from(counter);
    philox(words, keyLow, keyHigh);
    assertEquals([...words], result);
  }
});

Deno.test("keyedRandom() makes each number of two words of its own, as genrand_res53 does", () => {
  // Matsumoto and Nishimura's formula on block 0 for no keys, whose words of the counter are all ones.
  const words = Uint32Array.of(0, 0xffffffff, 0xffffffff, 0xffffffff);
  philox(words, 7, 0);
  const [a, b, c, d] = words;
  const random = keyedRandom(7);
  assertEquals(random(), ((a >>> 5) * 67108864 + (b >>> 6)) / 9007199254740992);
  assertEquals(random(), ((c >>> 5) * 67108864 + (d >>> 6)) / 9007199254740992);
});

Deno.test("mixKey() is the first word of the last block", () => {
  // Seed -1 without keys is key and counter of all ones: the second known answer above.
  assertEquals(mixKey(-1), 0x408f276d);
});

Deno.test("keyedRandom() repeats for the same seed and keys, whatever was drawn elsewhere", () => {
  const draw = (random: () => number) => Array.from({ length: 50 }, random);
  const expected = draw(keyedRandom(42, 3, 5));
  draw(keyedRandom(42, 3, 6));
  assertEquals(draw(keyedRandom(42, 3, 5)), expected);
});

Deno.test("keyedRandom() differs by seed, by key, by the order and by the number of keys", () => {
  const firsts = [[0], [1], [-1], [2 ** 32], [2 ** 32 + 1], [0, 0], [1, 0], [0, 1], [0, 0, 0]]
    .concat([[0, 0, 0, 0], [0, 1, 2], [0, 2, 1]])
    .map(([seed, ...keys]) => keyedRandom(seed, ...keys)());
  assertEquals(new Set(firsts).size, firsts.length);
});

Deno.test("keyedRandom() is uniform in [0, 1)", () => {
  const counts = new Array(64).fill(0);
  const random = keyedRandom(7);
  for (let draw = 0; draw < 64_000; draw++) {
    const value = random();
    assert(value >= 0 && value < 1);
    counts[Math.floor(value * 64)]++;
  }
  // 63 degrees of freedom: 113.0 is exceeded with probability 0.0001.
  assertLess(chiSquare(counts), 113);
});

Deno.test("keyedRandom() refuses a seed or a key that is not an integer in range", () => {
  assertThrows(() => keyedRandom(0.5), RangeError, "safe integer: current value is 0.5");
  assertThrows(() => keyedRandom(NaN), RangeError, "current value is NaN");
  assertThrows(() => keyedRandom(0, -1), RangeError, "current value is -1");
  assertThrows(() => keyedRandom(0, 2 ** 32 - 1), RangeError, "current value is 4294967295");
  assertThrows(() => keyedRandom(0, 1, 2, 3, 4), RangeError, "an integer <= 3: current value is 4");
});

Deno.test("mixKey() is a 32-bit integer that depends on the seed and every key", () => {
  const mixed = new Set<number>();
  for (let epoch = 0; epoch < 20; epoch++) {
    for (let batch = 0; batch < 50; batch++) mixed.add(mixKey(42, epoch, batch));
  }
  assertEquals(mixed.size, 1000);
  for (const key of mixed) assert(Number.isInteger(key) && key >= 0 && key < 2 ** 32);
  assertEquals(mixKey(42, 3), mixKey(42, 3));
  assertNotEquals(mixKey(42, 3), mixKey(43, 3));
});

Deno.test("permutation() holds each integer once, for many sizes and epochs", () => {
  const sizes = [...Array(130).keys(), 255, 256, 257, 1000, 60_000];
  for (const size of sizes) {
    for (const epoch of [0, 1, 1000]) {
      const order = permutation(size, keyedRandom(42, epoch));
      assertEquals(order.length, size);
      assert(isPermutation(order), `size ${size}, epoch ${epoch}`);
    }
  }
});

Deno.test("permutation() differs from epoch to epoch and from seed to seed", () => {
  const orders = [0, 1, 2, 3].flatMap((seed) =>
    [0, 1, 2, 3].map((epoch) => permutation(20, keyedRandom(seed, epoch)).join())
  );
  assertEquals(new Set(orders).size, 16);
});

Deno.test("permutation() gives every order of four equally often", () => {
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 24_000; epoch++) {
    const order = permutation(4, keyedRandom(1, epoch)).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 24);
  // 23 degrees of freedom: 55.6 is exceeded with probability 0.00015.
  assertLess(chiSquare([...counts.values()]), 55.6);
});

Deno.test("permutation() puts every element at every place equally often", () => {
  const size = 30;
  const counts = Array.from({ length: size }, () => new Array(size).fill(0));
  for (let epoch = 0; epoch < 3000; epoch++) {
    permutation(size, keyedRandom(9, epoch)).forEach((value, place) => counts[place][value]++);
  }
  // 29 * 29 = 841 degrees of freedom: mean 841, deviation 41; five deviations.
  assertLess(chiSquare(counts.flat()), 841 + 5 * 41);
});

Deno.test("permutation() refuses a length that is not a count", () => {
  assertThrows(() => permutation(-1, Math.random), RangeError, "current value is -1");
  assertThrows(() => permutation(1.5, Math.random), RangeError, "current value is 1.5");
  assertThrows(() => permutation(2 ** 31, Math.random), RangeError, "current value is 2147483648");
});
