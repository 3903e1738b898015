import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { epochRecord, type History, plotters, registerPlotters } from "../src/pictures.ts";

const record = { epoch: 0, metrics: { "train.loss": 0.5 }, learningRate: 0.1, seconds: 2 };

Deno.test("epochRecord accepts measurements that are not finite, as a diverged epoch has", () => {
  assertEquals(epochRecord(record, "epoch"), undefined);
  const diverged = { ...record, metrics: { "train.loss": NaN }, learningRate: Infinity };
  assertEquals(epochRecord(diverged, "epoch"), undefined);
});

Deno.test("epochRecord names the field of a record that a file has wrong", () => {
  const paths: [object, string][] = [
    [{ ...record, epoch: -1 }, "epochs.3.epoch"],
    [{ ...record, metrics: { "train.loss": "low" } }, "epochs.3.metrics.train.loss"],
    [{ ...record, seconds: null }, "epochs.3.seconds"],
  ];
  for (const [wrong, path] of paths) {
    assertEquals(epochRecord(wrong, "epochs.3")?.path, path);
  }
});

Deno.test("plotters() names the missing entry point until something that draws is registered", () => {
  assertThrows(() => plotters(), Error, 'import "@trainchart/trainchart/plots"');
  const plot = { svg: () => Promise.resolve("<svg/>"), save: () => Promise.resolve() };
  const drawn: History[] = [];
  const own = {
    history(history: History) {
      drawn.push(history);
      return plot;
    },
    layers: () => plot,
    confusion: () => plot,
    curve: () => plot,
  };
  registerPlotters(own);
  const history: History = { batches: [], epochs: [record], test: {} };
  assertStrictEquals(plotters().history(history), plot);
  assertEquals(drawn, [history]);
});
