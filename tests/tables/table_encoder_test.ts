import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Learner, meanSquaredError, sgd, StorageError, tf } from "../../mod.ts";
import {
  dateParts,
  numeric,
  oneHot,
  ordinal,
  parseCsv,
  splitTable,
  tableDataset,
  TableEncoder,
} from "../../data.ts";
import { exportModel } from "../../io.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

/** The encoding of each row, rounded to 5 digits. */
function encoded(encoder: TableEncoder, rows: Parameters<TableEncoder["encode"]>[0]): number[][] {
  const { values, shape: [, width] } = encoder.encode(rows);
  return Array.from(
    { length: values.length / width },
    (_, row) =>
      Array.from(values.slice(row * width, (row + 1) * width), (value) => Number(value.toFixed(5))),
  );
}

const column = (name: string, cells: readonly string[]) =>
  parseCsv(`${name},row\n${cells.map((cell, row) => `${cell},${row}`).join("\n")}\n`);

Deno.test("numeric() standardises by the training part, and fills and marks missing values", () => {
  const train = column("x", ["2", "4", "NA", "6", ""]);
  const encoder = TableEncoder.fit(train, { x: numeric() });
  assertEquals(encoder.features, ["x", "x is missing"]);
  // Mean 4, deviation sqrt(8/3); the median of 2, 4, 6 is 4.
  const unit = Number((2 / Math.sqrt(8 / 3)).toFixed(5));
  assertEquals(encoded(encoder, train), [[-unit, 0], [0, 0], [0, 1], [unit, 0], [0, 1]]);
  assertEquals(encoded(encoder, [{ x: 6 }, { x: null }, { x: NaN }, { x: "1e1" }]), [
    [unit, 0],
    [0, 1],
    [0, 1],
    [Number((3 * 2 / Math.sqrt(8 / 3)).toFixed(5)), 0],
  ]);
  const mean = TableEncoder.fit(column("x", ["0", "0", "9", ""]), {
    x: numeric({ missing: "mean", standardize: false }),
  });
  assertEquals(encoded(mean, [{ x: null }]), [[3, 1]]);
  const fixed = TableEncoder.fit(train, { x: numeric({ missing: -1, standardize: false }) });
  assertEquals(encoded(fixed, [{ x: null }, { x: 5 }]), [[-1, 1], [5, 0]]);
});

Deno.test("numeric() of equal numbers is 0, and without missing values in training has no mark", () => {
  const encoder = TableEncoder.fit(column("x", ["7", "7"]), { x: numeric() });
  assertEquals(encoder.features, ["x"]);
  assertEquals(encoded(encoder, [{ x: 7 }, { x: 8 }, { x: null }]), [[0], [1], [0]]);
});

Deno.test("oneHot() counts rare and unseen categories as other, or as told", () => {
  const train = column("x", ["a", "a", "a", "b", "b", "c", ""]);
  const all = TableEncoder.fit(train, { x: oneHot() });
  assertEquals(all.features, ["x = (missing)", "x = a", "x = b", "x = c", "x = (other)"]);
  assertEquals(encoded(all, [{ x: "b" }, { x: null }, { x: "z" }]), [
    [0, 0, 1, 0, 0],
    [1, 0, 0, 0, 0],
    [0, 0, 0, 0, 1],
  ]);
  const frequent = TableEncoder.fit(train, { x: oneHot({ minCount: 2 }) });
  assertEquals(frequent.features, ["x = a", "x = b", "x = (other)"]);
  const few = TableEncoder.fit(train, { x: oneHot({ maxCategories: 1, unknown: "zeros" }) });
  assertEquals(few.features, ["x = a"]);
  assertEquals(encoded(few, [{ x: "a" }, { x: "b" }]), [[1], [0]]);
  const strict = TableEncoder.fit(train, { x: oneHot({ unknown: "refuse" }) });
  assertThrows(
    () => strict.encode(column("x", ["a", "z"])),
    TypeError,
    'line 3, column x must be one of (missing), a, b, c: current value is "z"',
  );
});

Deno.test("ordinal() gives the place of a category in its order", () => {
  const train = column("x", ["mid", "low", "", "high"]);
  const given = TableEncoder.fit(train, { x: ordinal(["low", "mid", "high"]) });
  assertEquals(encoded(given, train), [[1], [0], [-1], [2]]);
  assertEquals(encoded(TableEncoder.fit(train, { x: ordinal() }), train), [[2], [1], [-1], [0]]);
  const strict = TableEncoder.fit(train, { x: ordinal(["low"], { unknown: "refuse" }) });
  assertThrows(
    () => strict.encode([{ x: "mid" }]),
    TypeError,
    'row 0, column x must be one of low: current value is "mid"',
  );
});

Deno.test("dateParts() encodes parts of dates, in any format and whatever the time zone", () => {
  const train = column("x", ["2024-02-29", "2024-03-02"]);
  const parts = dateParts(["days", "year", "month", "monthDay", "weekday", "yearDay", "hour"]);
  const encoder = TableEncoder.fit(train, { x: parts });
  assertEquals(encoder.features.length, 2 + 2 * 5);
  assertEquals(encoder.features.slice(0, 4), [
    "x days",
    "x year",
    "x month sine",
    "x month cosine",
  ]);
  const [first, second] = encoded(encoder, train);
  assertEquals([first[0], second[0], first[1]], [-1, 1, 0]);
  const turn = (value: number, period: number) =>
    [Math.sin, Math.cos].map((wave) => Number(wave(2 * Math.PI * value / period).toFixed(5)) + 0);
  const positive = (values: number[]) => values.map((value) => value + 0);
  assertEquals(positive(first.slice(2, 4)), turn(1, 12)); // February
  assertEquals(positive(first.slice(4, 6)), turn(28, 31));
  assertEquals(positive(first.slice(6, 8)), turn(4, 7)); // a Thursday
  assertEquals(positive(first.slice(8, 10)), turn(59, 366));
  assertEquals(encoded(encoder, [{ x: null }])[0], Array(12).fill(0));
  assertEquals(encoded(encoder, [{ x: new Date("2024-02-29T00:00:00Z") }])[0], first);
  for (const [format, text] of [["dmy", "29.2.2024 6:30"], ["mdy", "2/29/24 06:30"]] as const) {
    const other = TableEncoder.fit(column("x", [text]), {
      x: dateParts(["hour", "month"], { format }),
    });
    assertEquals(positive(encoded(other, [{ x: text }])[0]), [...turn(6.5, 24), ...turn(1, 12)]);
  }
  for (const text of ["2024-02-30", "2024-13-01", "soon", "2024"]) {
    assertThrows(
      () => encoder.encode([{ x: text }]),
      TypeError,
      "must be a date of the format ymd",
    );
  }
});

Deno.test("TableEncoder learns from the training part alone", () => {
  const table = parseCsv(
    `x,kind\n${Array.from({ length: 40 }, (_, i) => `${i},k${i}`).join("\n")}\n`,
  );
  const [train, test] = splitTable(table, [0.5, 0.5], { seed: 2 });
  const encoder = TableEncoder.fit(train, { x: numeric(), kind: oneHot() });
  const { values, shape } = encoder.encode(train);
  assertEquals(shape, [20, 22]);
  const xs = Array.from({ length: 20 }, (_, row) => values[row * 22]);
  assertAlmostEquals(xs.reduce((a, b) => a + b), 0, 1e-5);
  assert(test.rows.every(([, kind]) => !encoder.features.includes(`kind = ${kind}`)));
  assert(encoded(encoder, test).every((row) => row.at(-1) === 1), "all unseen");
  assertEquals(
    [...train.rows, ...test.rows].map(([x]) => Number(x)).toSorted((a, b) => a - b),
    [...Array(40).keys()],
  );
  assertEquals(train.rows.map(([x]) => Number(x) + 2), [...train.lines]);
});

Deno.test("TableEncoder names what is wrong with cells, columns and options", () => {
  const table = parseCsv("age,town\n20,Rome\n\nold,Oslo\n");
  const refusals: [() => unknown, new (message: string) => Error, string][] = [
    [
      () => TableEncoder.fit(table, { age: numeric() }),
      TypeError,
      'Cannot encode a table as line 4, column age must be a finite number: current value is "old"',
    ],
    [
      () => TableEncoder.fit(table, { agee: numeric() }),
      RangeError,
      "a column agee: its columns are age, town",
    ],
    [
      () => TableEncoder.fit(table, { town: "oneHot" as never }),
      TypeError,
      "column town must be numeric(), oneHot()",
    ],
    [
      () => TableEncoder.fit(table, {}, { mising: [] } as never),
      TypeError,
      'did you mean "missing"?',
    ],
    [() => numeric({ missing: "median", scale: 1 } as never), TypeError, 'there is no "scale"'],
    [() => numeric({ missing: "mode" as never }), TypeError, 'current value is "mode"'],
    [() => oneHot({ minCount: 0 }), RangeError, "minCount must be an integer >= 1"],
    [() => oneHot({ unknown: "drop" as never }), TypeError, "current value is drop"],
    [() => ordinal(["a", "a"]), TypeError, "order must be different texts"],
    [() => dateParts(["quarter" as never]), TypeError, "current value is [quarter]"],
    [() => dateParts([]), TypeError, "parts must be some of days, year"],
    [() => splitTable(table, [1], { stratify: "country" }), RangeError, "a column country"],
  ];
  for (const [call, type, message] of refusals) assertThrows(call, type, message);
  const encoder = TableEncoder.fit(table, { town: oneHot() });
  assertThrows(
    () => encoder.encode([{ city: "Rome" }]),
    RangeError,
    "row 0 must have a column town (null, if the value is missing): its columns are city",
  );
});

Deno.test("TableEncoder.fromJSON() restores an encoder, and refuses wrong content in each field", () => {
  const train = parseCsv("a,b,c,d\n1,x,low,2024-01-05\n,y,high,2024-02-07\n3,x,low,\n");
  const encoder = TableEncoder.fit(train, {
    a: numeric(),
    b: oneHot({ minCount: 2 }),
    c: ordinal(["low", "high"]),
    d: dateParts(["year", "weekday"]),
  });
  const json = JSON.parse(JSON.stringify(encoder));
  const restored = TableEncoder.fromJSON(json);
  assertEquals(restored.features, encoder.features);
  assertEquals(restored.encode(train), encoder.encode(train));
  const bad: ((copy: typeof json) => void)[] = [
    (copy) => delete copy.columns,
    (copy) => copy.columns = { length: 1 },
    (copy) => copy.missing = [1],
    (copy) => copy.columns[0].kind = "__proto__",
    (copy) => copy.columns[0].options = { missing: "steal" },
    (copy) => copy.columns[0].fitted.deviation = 0,
    (copy) => copy.columns[1].fitted = "x",
    (copy) => copy.columns[1].options = [],
    (copy) => copy.columns[2].options.order = 3,
    (copy) => copy.columns[2].fitted = [3],
    (copy) => copy.columns[3].options.parts = ["year", "eval"],
    (copy) => copy.columns[3].fitted.pop(),
  ];
  for (const spoil of bad) {
    const copy = structuredClone(json);
    spoil(copy);
    assertThrows(
      () => TableEncoder.fromJSON(copy),
      StorageError,
      "the encoder of a table",
      String(spoil),
    );
  }
});

testTensors("tableDataset() joins an encoder and labels", async () => {
  const table = parseCsv("age,pays\n20,no\n40,yes\n");
  const encoder = TableEncoder.fit(table, { age: numeric() });
  const dataset = tableDataset(table, encoder, { labels: "pays", classes: ["no", "yes"] });
  const { data, labels } = await dataset.batch(Int32Array.of(1, 0));
  assertEquals([data.arraySync(), labels.arraySync()] as unknown, [[[1], [-1]], [1, 0]]);
  tf.dispose([data, labels]);
  assertThrows(
    () => tableDataset(table, encoder, { labels: "pays", class: [] } as never),
    TypeError,
    'did you mean "classes"?',
  );
});

testInFolder(
  "learner.predict() takes rows, by the encoder that was saved with the model",
  async (folder) => {
    const table = parseCsv("age,town\n20,Rome\n40,Oslo\n");
    const encoder = TableEncoder.fit(table, { age: numeric(), town: oneHot() });
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] });
    model.setUserDefinedMetadata({ mine: 1 });
    encoder.attachTo(model);
    await exportModel(model, folder);
    const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
    assertEquals((loaded.getUserDefinedMetadata() as { mine: number }).mine, 1);
    const learnerOf = (model: tf.LayersModel) =>
      new Learner({ model, optimizer: sgd(0.1), lossFunction: meanSquaredError });
    const input = tf.tensor2d([[1, 1, 0, 0], [-1, 0, 0, 1]]);
    const rows = [{ age: 40, town: "Oslo" }, { age: 20, town: "Lima" }];
    const learner = learnerOf(loaded);
    const [expected, actual, again] = [
      await learner.predict(input),
      await learner.predict(rows),
      await learnerOf(model).predict(parseCsv("town,age\nOslo,40\nLima,20\n")),
    ];
    assertEquals(actual.arraySync(), expected.arraySync());
    assertEquals(again.arraySync(), expected.arraySync());
    const plain = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] });
    await assertRejects(
      () => learnerOf(plain).predict(rows),
      TypeError,
      "must have a TableEncoder",
    );
    await assertRejects(() => learner.predict([{ age: 40 }]), RangeError, "a column town");
    tf.dispose([input, expected, actual, again]);
    for (const used of [model, loaded, plain]) used.dispose();
  },
);
