import { assert, assertEquals } from "@std/assert";
import { layOut, type Lifetime } from "../../../src/backend/recording/program.ts";
import { keyedRandom } from "../../../src/random/random_numbers.ts";

function sizeOf({ bytes }: Lifetime): number {
  return Math.max(1, Math.ceil(bytes / 64)) * 64;
}

Deno.test("layOut() keeps pieces apart that are in use at the same time, a call longer", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = keyedRandom(seed, 0);
    const number = (below: number) => Math.floor(random() * below);
    const lifetimes = Array.from({ length: 1 + number(40) }, (): Lifetime => {
      const first = number(30);
      return { bytes: number(300), first, last: first + number(8) };
    });
    const { offsets, bytes } = layOut(lifetimes);
    lifetimes.forEach((a, i) => {
      assertEquals(offsets[i] % 64, 0);
      assert(offsets[i] + sizeOf(a) <= bytes);
      lifetimes.forEach((b, j) => {
        if (i === j || a.last < b.first || b.last < a.first) return;
        const apart = offsets[i] + sizeOf(a) <= offsets[j] || offsets[j] + sizeOf(b) <= offsets[i];
        assert(apart, `seed ${seed}: ${i} and ${j} overlap`);
      });
    });
  }
});

Deno.test("layOut() uses the memory of pieces again", () => {
  const chain = Array.from({ length: 50 }, (_, i) => ({ bytes: 1000, first: i, last: i + 1 }));
  assertEquals(layOut(chain).bytes, 2 * 1024);
  assertEquals(layOut([]), { offsets: [], bytes: 0 });
});
