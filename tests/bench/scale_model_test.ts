import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { keyedRandom } from "../../data.ts";
import { exchangeTime, fitNetwork, simulate } from "./scale_model.ts";

const network = { latency: 20e-6, bandwidth: 1e9 };

Deno.test("exchangeTime() is nothing alone, and at most twice the bytes among many", () => {
  assertEquals(exchangeTime(1e6, 1, network), 0);
  assertAlmostEquals(exchangeTime(1e6, 2, network), 2 * 20e-6 + 1e-3, 1e-9);
  assertAlmostEquals(exchangeTime(1e6, 64, network), 12 * 20e-6 + 2 * 63 / 64 * 1e-3, 1e-9);
});

Deno.test("fitNetwork() finds what exchanges were made with", () => {
  const fitted = fitNetwork(
    [4, 1e4, 1e6, 1e8].map((bytes) => [bytes, exchangeTime(bytes, 2, network)]),
  );
  assertAlmostEquals(fitted.latency, network.latency, 1e-9);
  assertAlmostEquals(fitted.bandwidth, network.bandwidth, 1);
});

Deno.test("simulate() waits for the slowest, and exchanges once in a window", () => {
  const setting = { ranks: 2, parameters: 1e6, messages: 4, steps: [0.1, 0.2], network };
  const exchange = 4 * exchangeTime(1e6, 2, network);
  const meetings = 3 * exchangeTime(1, 2, network);
  const time = simulate(setting, keyedRandom(1));
  assert(Math.abs(time - (0.175 + exchange + meetings)) < 0.004, `${time}`);
  const seldom = simulate({ ...setting, accumulate: 8 }, keyedRandom(1));
  assertAlmostEquals(time - seldom, exchange * 7 / 8, 1e-9);
});
