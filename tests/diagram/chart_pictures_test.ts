import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ChartPicture, chartToMermaid, chartToSvg } from "../../inspect.ts";
import { learnerMachine } from "../../src/chart/chart.ts";
import { chartGraph, type ChartState } from "../../src/diagram/chart_graph.ts";
import { foldChart } from "../../src/diagram/fold_chart.ts";
import { placeChart } from "../../src/diagram/place_chart.ts";
import { parse } from "../deps/mermaid.ts";
import { playerMachine, stillMachine } from "./player_machine.ts";

const MACHINES = { learnerMachine: learnerMachine(), playerMachine, stillMachine };
const FORMS = ["compact", "full"] as const;

/** Every picture of every machine. */
const PICTURES = Object.entries(MACHINES).flatMap(([name, machine]) =>
  FORMS.map((form) => ({ name: `${name}, ${form}`, machine, form }))
);

const statesIn = (svg: string) => [...svg.matchAll(/data-state="([^"]*)"/g)].map(([, id]) => id);

const allStates = (state: ChartState): ChartState[] => [state, ...state.states.flatMap(allStates)];

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const overlap = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

const contains = (a: Box, b: Box) =>
  a.x <= b.x && a.y <= b.y && a.x + a.width >= b.x + b.width && a.y + a.height >= b.y + b.height;

Deno.test("chartToSvg() draws every state once, in a well-formed document", async () => {
  for (const { name, machine, form } of PICTURES) {
    const svg = await chartToSvg(machine, { form });
    const graph = chartGraph(machine);
    const expected = allStates(form === "full" ? graph : foldChart(graph));
    assertEquals(
      statesIn(svg).sort(),
      expected.map(({ id }) => id.replace("<&>", "&lt;&amp;&gt;")).sort(),
      name,
    );
    const open: string[] = [];
    for (const [, closing, tag, selfClosing] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (closing) assertEquals(open.pop(), tag, name);
      else if (!selfClosing) open.push(tag);
    }
    assertEquals(open, [], name);
    assert(!/undefined|NaN|\[object/.test(svg), name);
  }
});

Deno.test("chartToSvg() nests boxes, and none overlaps another", async () => {
  for (const { name, machine, form } of PICTURES) {
    const graph = chartGraph(machine);
    const placed = await placeChart(form === "full" ? graph : foldChart(graph));
    const boxes = new Map(placed.states.map((box) => [box.state.id, box]));
    const leaves = placed.states.filter(({ state }) => state.states.length === 0);
    for (const { state: { id, states } } of placed.states) {
      for (const inner of states) assert(contains(boxes.get(id)!, boxes.get(inner.id)!), inner.id);
    }
    const texts = [...placed.edges.flatMap(({ label }) => label ? [label] : []), ...placed.pills];
    const solid = [
      ...leaves.map((box) => ({ ...box, name: box.state.id })),
      ...texts.map((box) => ({ ...box, name: box.lines.join() })),
    ];
    for (const [index, one] of solid.entries()) {
      for (const other of solid.slice(index + 1)) {
        assert(!overlap(one, other), `${name}: ${one.name} overlaps ${other.name}`);
      }
    }
    for (const { points, from, to } of placed.edges) {
      for (const [index, { x, y }] of points.slice(1).entries()) {
        const straight = Math.abs(points[index].x - x) < 1 || Math.abs(points[index].y - y) < 1;
        assert(straight, `${name}: the line from ${from} to ${to} is slanted`);
      }
    }
  }
});

Deno.test("chartToSvg() shows the names of hooks, tasks, guards and events", async () => {
  const svg = await chartToSvg(learnerMachine(), { form: "full" });
  for (const hook of ["beforeTrain", "onCancelEpoch", "afterBackward", "closeLoader"]) {
    assertStringIncludes(svg, hook);
  }
  for (
    const label of ["next [hasMoreEpochs]", "pause [isRunning] / hold", "cancel.batch is ignored"]
  ) {
    assertStringIncludes(svg, `>${label}<`);
  }
  const player = await chartToSvg(playerMachine, { form: "full" });
  for (
    const label of [
      "after patience",
      "after 100 ms / beep",
      "done: loader",
      "error: loader",
      "invoke / load",
      "always [not(muted)]",
      "any event / beep",
      "history",
      "parallel",
      "up / louder",
    ]
  ) assertStringIncludes(player, `>${label}<`);
});

Deno.test("chartToSvg() lights active states and all states around them", async () => {
  const active = ["learner.train.epoch.batch.compute"];
  const lit = (svg: string) =>
    [...svg.matchAll(/<g class="state[^"]* active" data-state="([^"]*)"/g)].map(([, id]) => id);
  const expected = [
    "learner",
    "learner.train",
    "learner.train.epoch",
    "learner.train.epoch.batch",
    "learner.train.epoch.batch.compute",
  ];
  assertEquals(lit(await chartToSvg(undefined, { active })), expected);
  assertEquals(lit(await chartToSvg()), []);
  const folded = await chartToSvg(undefined, { active: ["learner.test.batch.evaluate"] });
  assertEquals(lit(folded), ["learner", "learner.test"]);
});

Deno.test("chartToSvg() follows the viewer's theme, or uses the given one", async () => {
  const dark = "prefers-color-scheme:dark";
  assertStringIncludes(await chartToSvg(stillMachine), dark);
  for (const theme of ["light", "dark"] as const) {
    assert(!(await chartToSvg(stillMachine, { theme })).includes(dark));
  }
});

Deno.test("chartToMermaid() writes text that Mermaid's own parser reads", async () => {
  for (const { machine, form } of PICTURES) await parse(chartToMermaid(machine, { form }));
  await assertRejects(() => parse("stateDiagram-v2\n a --> {"));
});

Deno.test("chartToMermaid() draws lines only between states side by side", () => {
  const text = chartToMermaid(playerMachine, { form: "full" });
  assertStringIncludes(text, "    player_on_picture --> player_on_sound : both\n");
  assertStringIncludes(text, "quiet --> player_on_sound_quiet : up / louder\n");
  assertEquals(text.match(/up \/ louder/g)?.length, 1);
});

Deno.test("chartToSvg() and chartToMermaid() refuse values that are not machines", async () => {
  for (const machine of [null, 7, {}, { root: {} }]) {
    await assertRejects(() => chartToSvg(machine), TypeError, "Cannot draw a chart");
    assertThrows(() => chartToMermaid(machine), TypeError, "Cannot draw a chart");
  }
});

Deno.test("chartToSvg(), ChartPicture and chartToMermaid() check their options", async () => {
  for (
    const [options, message] of [
      [{ from: "full" }, 'there is no "from", did you mean "form"?'],
      [{ form: "big" }, 'form must be "compact" or "full": current value is "big"'],
      [{ theme: "blue" }, 'theme must be "light", "dark" or "auto": current value is "blue"'],
      [{ active: "learner" }, 'active must be an array of paths: current value is "learner"'],
    ] as const
  ) {
    await assertRejects(() => chartToSvg(stillMachine, options as never), TypeError, message);
    assertThrows(() => new ChartPicture(stillMachine, options as never), TypeError, message);
  }
  for (const options of [{ from: "full" }, { form: "big" }]) {
    assertThrows(() => chartToMermaid(stillMachine, options as never), TypeError, "form");
  }
});

Deno.test("the pictures in docs are what `deno task chart` draws of the machine", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  const { drawCharts } = await import("../../scripts/draw_charts.ts");
  for (const [path, text] of await drawCharts()) {
    const drawn = await Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
    assert(drawn === text, `${path} is stale: run \`deno task chart\``);
  }
  const page = await Deno.readTextFile(new URL("../../docs/inspect.md", import.meta.url));
  assertStringIncludes(page, "(chart.svg)");
  assertStringIncludes(page, "(chart-full.svg)");
});
