import { assert, assertEquals, assertLess } from "@std/assert";
import { keyedRandom } from "../../data.ts";
import { choice, integer, logUniform, type Space, sweep, uniform } from "../../sweep.ts";
import { treeParzen, type TriedTrial } from "../../src/sweep/tree_parzen.ts";
import { testInFolder } from "../fixtures/in_folder.ts";
import { canRun } from "./nats_server.ts";

/** Draws one trial after another, 10 of them at random, and returns the best value. */
function search(
  space: Space,
  // deno-lint-ignore no-explicit-any -- parameters of any space
  objective: (parameters: any) => number,
  { trials, startup, seed, mode = "min" }: {
    trials: number;
    startup: number;
    seed: number;
    mode?: "min" | "max";
  },
): TriedTrial {
  const tried: TriedTrial[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const random = keyedRandom(seed, trial);
    const parameters = trial < startup
      ? Object.fromEntries(
        Object.entries(space).map(([name, dimension]) => [name, dimension.at(random())]),
      )
      : treeParzen(space, tried, mode, random);
    tried.push({ parameters, value: objective(parameters) });
  }
  const sign = mode === "min" ? 1 : -1;
  return tried.reduce((best, next) => sign * next.value < sign * best.value ? next : best);
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Branin's function, whose minimum is 0.397887. */
const branin = ({ x, y }: { x: number; y: number }) =>
  (y - 5.1 * x * x / (4 * Math.PI ** 2) + 5 * x / Math.PI - 6) ** 2 +
  10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;

Deno.test("treeParzen() comes closer to Branin's minimum than a random search", () => {
  const space = { x: uniform(-5, 10), y: uniform(0, 15) };
  const regrets = (startup: number) =>
    Array.from(
      { length: 21 },
      (_, seed) => search(space, branin, { trials: 100, startup, seed }).value - 0.397887,
    );
  const [guided, random] = [regrets(10), regrets(100)].map(median);
  assertLess(guided, 0.1);
  assertLess(guided, random / 4);
});

Deno.test("treeParzen() finds the optimum of numbers, orders of magnitude, integers and choices", () => {
  const space = {
    dropout: uniform(0, 1),
    rate: logUniform(1e-6, 1),
    units: integer(1, 512, { log: true }),
    layers: integer(1, 8),
    activation: choice(["relu", "tanh", "elu", "selu"]),
  };
  type Parameters = {
    dropout: number;
    rate: number;
    units: number;
    layers: number;
    activation: string;
  };
  /** 0 at the optimum, and below it elsewhere. */
  const objective = ({ dropout, rate, units, layers, activation }: Parameters) =>
    -((dropout - 0.3) ** 2 + (Math.log10(rate) + 3) ** 2 / 36 + Math.log2(units / 64) ** 2 / 81 +
      (layers - 3) ** 2 / 49 + (activation === "elu" ? 0 : 0.2));
  const bests = (startup: number) =>
    Array.from(
      { length: 11 },
      (_, seed) => search(space, objective, { trials: 120, startup, seed, mode: "max" }),
    );
  const [guided, random] = [bests(10), bests(120)];
  const [near, far] = [guided, random].map((found) => median(found.map(({ value }) => -value)));
  assertLess(near, far / 3);
  const right = guided.filter(({ parameters: { activation, layers } }) =>
    activation === "elu" && Math.abs(layers as number - 3) <= 1
  );
  assert(right.length >= 10, `${right.length} of 11`);
});

Deno.test("treeParzen() draws within the space, and avoids trials that failed", () => {
  const space = { x: uniform(-3, 5), n: integer(1, 3), kind: choice(["good", "bad", "never"]) };
  const random = keyedRandom(3);
  const tried = Array.from({ length: 40 }, (_, index) => {
    const x = space.x.at(random());
    const [n, kind] = [1 + index % 3, index % 2 === 0 ? "good" as const : "bad" as const];
    return { parameters: { x, n, kind }, value: kind === "bad" ? NaN : Math.abs(x - 5) };
  });
  let [near, bad, never] = [0, 0, 0];
  for (let draw = 0; draw < 400; draw++) {
    const { x, n, kind } = treeParzen(space, tried, "min", random) as { [name: string]: never };
    assert(x >= -3 && x <= 5 && [1, 2, 3].includes(n), `${x}, ${n}`);
    if (x > 3) near++;
    if (kind === "bad") bad++;
    if (kind === "never") never++;
  }
  assert(near > 350, `${near} near the end of the dimension`);
  assertEquals(bad, 0);
  assert(never < 400);
});

Deno.test("treeParzen() draws also where no trial, or one value only, is known", () => {
  const space = { x: uniform(0, 1), kind: choice(["only"]) };
  const parameters = { x: 0.25, kind: "only" };
  for (
    const tried of [[], [{ parameters, value: 1 }], Array(30).fill({ parameters, value: NaN })]
  ) {
    const drawn = treeParzen(space, tried, "min", keyedRandom(1)) as { x: number; kind: string };
    assert(drawn.x >= 0 && drawn.x < 1);
    assertEquals(drawn.kind, "only");
  }
});

testInFolder(
  "sweep() by TPE finds an optimum, and continues with the same draws",
  async (folder) => {
    const run = (name: string, trials: number) => {
      const objective = ({ parameters: { x } }: { parameters: { x: number } }) => {
        calls++;
        return (x - 0.7) ** 2;
      };
      const shared = {
        space: { x: uniform(0, 1) },
        workers: 0,
        args: [],
        write: () => {},
        objective,
      };
      return sweep({ ...shared, algorithm: "tpe", trials, folder: `${folder}/${name}` });
    };
    let calls = 0;
    const whole = await run("whole", 40);
    assertEquals(calls, 40);
    assertLess(whole.best!.value, 1e-4);
    await run("parts", 25);
    const parts = await run("parts", 40);
    assertEquals(calls, 80, "no trial is repeated");
    const drawn = ({ trials }: typeof whole) =>
      trials.map(({ trial, parameters }) => [trial, parameters]);
    assertEquals(drawn(parts), drawn(whole));
    const early = whole.trials.filter(({ trial }) => trial < 10);
    const late = whole.trials.filter(({ trial }) => trial >= 30);
    const distance = (trials: typeof early) =>
      median(trials.map(({ parameters: { x } }) => Math.abs(x - 0.7)));
    assertLess(distance(late), distance(early) / 2);
  },
  !canRun,
);
