import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { DataLoader, tf } from "../../mod.ts";
import { csvDataset, parseCsv, readCsv } from "../../data.ts";

const files = (["read", "write"] as const).some((name) =>
  Deno.permissions.querySync({ name }).state !== "granted"
);

Deno.test("parseCsv() reads names, cells and lines", () => {
  assertEquals(parseCsv("a,b\n1,2\n3,4\n"), {
    columns: ["a", "b"],
    rows: [["1", "2"], ["3", "4"]],
    lines: [2, 3],
  });
});

Deno.test("parseCsv() understands quotes, CRLF, a byte order mark, blanks and empty lines", () => {
  const { columns, rows, lines } = parseCsv(
    '\ufeffa,b\r\n"x, ""y""","two\r\nlines"\r\n\r\n 1 , 2\r\n',
  );
  assertEquals(columns, ["a", "b"]);
  assertEquals(rows, [['x, "y"', "two\nlines"], ["1", "2"]]);
  assertEquals(lines, [3, 5]);
});

Deno.test("parseCsv() takes another delimiter, and names for a file without them", () => {
  const { columns, rows } = parseCsv("1;2\n3;4", { delimiter: ";", columns: ["x", "y"] });
  assertEquals(columns, ["x", "y"]);
  assertEquals(rows, [["1", "2"], ["3", "4"]]);
  assertEquals(parseCsv("a,b").rows, []);
});

Deno.test("parseCsv() names the line of a row of unequal length", () => {
  assertThrows(
    () => parseCsv("a,b\n1,2\n\n3\n"),
    RangeError,
    "Cannot read the text as CSV as line 4 must have 2 cells, one per column: it has 1",
  );
  assertThrows(() => parseCsv("a,b\n1,2,3"), RangeError, "line 2 must have");
  assertThrows(() => parseCsv("1,2", { columns: ["x"] }), RangeError, "line 1 must have");
});

Deno.test("parseCsv() refuses a text that is not a table", () => {
  assertThrows(() => parseCsv(""), TypeError, "a row of column names: it has no rows");
  assertThrows(
    () => parseCsv("a,b,a\n"),
    TypeError,
    'names of its columns must differ: "a" is there twice',
  );
  const error = assertThrows(() => parseCsv('a\n"1\n2\n'), SyntaxError, "quotes must be in pairs");
  assertInstanceOf(error.cause, Error);
});

Deno.test("csvDataset() makes tensors of the given columns", () => {
  const before = tf.memory().numTensors;
  const table = parseCsv("a,b,c\n1,-2.5,7\n4,5e1,8\n");
  const dataset = csvDataset(table, { data: ["b", "a"], labels: "c" });
  assertEquals(dataset.length, 2);
  for (const { data, labels } of new DataLoader({ dataset })) {
    assertEquals(data.arraySync() as unknown, [[-2.5, 1], [50, 4]]);
    assertEquals(labels.arraySync() as unknown, [7, 8]);
    assertEquals([data.dtype, labels.dtype], ["float32", "float32"]);
    tf.dispose([data, labels]);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("csvDataset() makes labels of several columns, of integers, of names of classes", () => {
  const table = parseCsv("x,n,kind\n1,7,cat\n2,-8,dog\n");
  const read = (options: Omit<Parameters<typeof csvDataset>[1], "data">) => {
    const { data, labels } = csvDataset(table, { data: ["x"], ...options })
      .batch(Int32Array.of(0, 1));
    const result = { dtype: labels.dtype, values: labels.arraySync() as unknown };
    tf.dispose([data, labels]);
    return result;
  };
  assertEquals(read({ labels: ["n", "x"] }), { dtype: "float32", values: [[7, 1], [-8, 2]] });
  assertEquals(read({ labels: "n", labelType: "int32" }), { dtype: "int32", values: [7, -8] });
  const classes = ["dog", "cat"];
  assertEquals(read({ labels: "kind", classes }), { dtype: "int32", values: [1, 0] });
});

Deno.test("csvDataset() names line and column of a cell that it cannot convert", () => {
  const table = parseCsv("x,kind\n1,cat\n\n,eel\n1.5,2\n");
  assertThrows(
    () => csvDataset(table, { data: ["x"], labels: "x" }),
    TypeError,
    'line 4, column x must be a finite number: current value is ""',
  );
  assertThrows(
    () => csvDataset(table, { data: ["kind"], labels: "x" }),
    TypeError,
    'line 2, column kind must be a finite number: current value is "cat"',
  );
  assertThrows(
    () => csvDataset(table, { data: [], labels: "kind", classes: ["cat", "dog"] }),
    TypeError,
    'line 4, column kind must be one of cat, dog: current value is "eel"',
  );
  const other = parseCsv("x\n1\n1.5\n");
  assertThrows(
    () => csvDataset(other, { data: ["x"], labels: "x", labelType: "int32" }),
    TypeError,
    'line 3, column x must be a 32-bit integer: current value is "1.5"',
  );
  for (const cell of ["NaN", "Infinity", "1,5", "0x", "1 2"]) {
    const one = parseCsv(`x\n"${cell}"\n`);
    assertThrows(
      () => csvDataset(one, { data: ["x"], labels: "x" }),
      TypeError,
      "line 2, column x",
    );
  }
});

Deno.test("csvDataset() refuses a column that does not exist", () => {
  const table = parseCsv("a,b\n1,2\n");
  const message = "must be one of a, b: current value is c";
  assertThrows(() => csvDataset(table, { data: ["c"], labels: "b" }), RangeError, message);
  assertThrows(() => csvDataset(table, { data: ["a"], labels: ["b", "c"] }), RangeError, message);
});

Deno.test({
  name: "readCsv() reads a file, and names it when it is damaged",
  ignore: files,
  fn: async () => {
    const path = await Deno.makeTempFile({ suffix: ".csv" });
    await Deno.writeTextFile(path, "a;ä\n1;2\n");
    assertEquals((await readCsv(path, { delimiter: ";" })).columns, ["a", "ä"]);
    await Deno.writeTextFile(path, "a,b\n1\n");
    await assertRejects(() => readCsv(path), RangeError, `Cannot read ${path} as CSV as line 2`);
    await Deno.remove(path);
  },
});
