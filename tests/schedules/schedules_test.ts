import { assertAlmostEquals, assertThrows } from "@std/assert";
import { schedules } from "../../callbacks.ts";

const { constant, cosine, cosineRestarts, exponential, linearWarmup } = schedules;
const { oneCycle, polynomial, sequence, step, warmup } = schedules;

// Each value is computed by hand.
const TABLE: [name: string, schedule: schedules.Schedule, points: [at: number, value: number][]][] =
  [
    ["constant", constant(0.3), [[0, 0.3], [0.5, 0.3], [0.999, 0.3]]],
    ["polynomial", polynomial(1, 0.2), [[0, 1], [0.25, 0.8], [0.5, 0.6], [1, 0.2]]],
    ["polynomial of power 2", polynomial(1, 0.2, { power: 2 }), [[0, 1], [0.5, 0.4], [1, 0.2]]],
    ["linearWarmup", linearWarmup(1, { from: 0.2 }), [[0, 0.2], [0.5, 0.6], [1, 1]]],
    ["exponential", exponential(1, 1e-4), [[0, 1], [0.25, 0.1], [0.5, 0.01], [1, 1e-4]]],
    ["exponential up", exponential(1e-4, 1), [[0.25, 1e-3], [0.75, 0.1]]],
    ["step", step(2, { at: [0.5, 0.75] }), [[0, 2], [0.49, 2], [0.5, 0.2], [0.75, 0.02]]],
    ["cosine", cosine(1), [
      [0, 1],
      [1 / 3, 0.75],
      [0.5, 0.5],
      [2 / 3, 0.25],
      [1, 0],
    ]],
    ["cosine to 0.2", cosine(1, 0.2), [[0.25, 0.6 + 0.4 * Math.SQRT1_2], [0.5, 0.6], [1, 0.2]]],
    // 1/7, 2/7 and 4/7 of the training.
    ["cosineRestarts", cosineRestarts(1, 0, { decay: 0.5 }), [
      [0, 1],
      [0.5 / 7, 0.5],
      [1 / 7, 0.5],
      [2 / 7, 0.25],
      [3 / 7, 0.25],
      [5 / 7, 0.125],
      [1, 0],
    ]],
    ["sequence", sequence([[0.2, constant(1)], [0.8, polynomial(2, 1)]]), [
      [0.1, 1],
      [0.2, 2],
      [0.6, 1.5],
      [1, 1],
    ]],
    ["warmup", warmup(cosine(1), { part: 0.2 }), [[0, 0], [0.1, 0.5], [0.2, 1], [0.6, 0.5], [
      1,
      0,
    ]]],
    ["oneCycle", oneCycle(1, { part: 0.5, divide: 10, finalDivide: 100 }).learningRate, [
      [0, 0.1],
      [0.25, 0.55],
      [0.5, 1],
      [0.75, 0.505],
      [1, 0.01],
    ]],
    ["oneCycle of momentum", oneCycle(1, { part: 0.5 }).momentum, [
      [0, 0.95],
      [0.25, 0.9],
      [0.5, 0.85],
      [0.75, 0.9],
      [1, 0.95],
    ]],
  ];

for (const [name, schedule, points] of TABLE) {
  Deno.test(`${name} has the values computed by hand`, () => {
    for (const [at, value] of points) {
      assertAlmostEquals(schedule(at), value, 1e-12, `${name}(${at}) is ${schedule(at)}`);
    }
  });
}

const REFUSED: [action: () => unknown, message: string][] = [
  [() => constant(-1), "value must be finite and >= 0: current value is -1"],
  [() => polynomial(1, 0, { power: 0 }), "power must be finite and > 0: current value is 0"],
  [() => exponential(1, 0), "to must be finite and > 0: current value is 0"],
  [() => step(1, { at: [1.5] }), "each moment must be in (0, 1): current value is 1.5"],
  [() => cosineRestarts(1, 0, { cycles: 0 }), "cycles must be an integer >= 1"],
  [() => sequence([[0.5, constant(1)]]), "its parts must sum to 1: current value is 0.5"],
  [() => warmup(constant(1), { part: 0 }), "part must be in (0, 1): current value is 0"],
  [() => oneCycle(0), "the highest rate must be finite and > 0: current value is 0"],
  [() => oneCycle(1, { momentum: [1, 0] }), "momentum must be in [0, 1): current value is 1"],
];

for (const [action, message] of REFUSED) {
  Deno.test(`a schedule is refused as ${message}`, () => {
    assertThrows(action, RangeError, message);
  });
}
