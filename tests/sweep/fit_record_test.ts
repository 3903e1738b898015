import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fitRecord } from "../../src/sweep/fit_record.ts";
import { type JobRecord, problemOfRecord } from "../../src/sweep/job_record.ts";

const RECORD: JobRecord = {
  ...{
    trial: 3,
    segment: 1,
    parameters: { x: 1 },
    status: "failed",
    value: 0.5,
    reports: [[1, 2]],
  },
  ...{ error: "Error: no", seconds: 1.5, worker: "host:1" },
};

const sizeOf = (text: string) => new TextEncoder().encode(text).length;

Deno.test("fitRecord() leaves a record that fits as it is", () => {
  assertEquals(JSON.parse(fitRecord(RECORD, 1000, [])), RECORD);
});

Deno.test("fitRecord() cuts an error that is too long, also where JSON makes it longer", () => {
  for (const character of ["x", "é", "\u0000", "\ud83d\ude00"]) {
    const record = { ...RECORD, error: `Error: ${character.repeat(2_000_000)}` };
    const text = fitRecord(record, 100_000, []);
    assert(sizeOf(text) <= 100_000 && sizeOf(text) > 20_000, `${sizeOf(text)}`);
    const { error, ...rest } = JSON.parse(text);
    assertStringIncludes(error, `Error: ${character}`);
    assert(error.endsWith(" characters more)"));
    assertEquals({ ...rest, error: RECORD.error }, RECORD);
  }
});

Deno.test("fitRecord() leaves out reports, but the last and those that are compared", () => {
  const reports = Array.from({ length: 40_000 }, (_, index): [number, number] => [
    index + 2,
    Math.sin(index),
  ]);
  const text = fitRecord({ ...RECORD, reports }, 50_000, [1, 9999, 30_001]);
  assert(sizeOf(text) <= 50_000 && sizeOf(text) > 20_000, `${sizeOf(text)}`);
  const record = JSON.parse(text);
  assertEquals(problemOfRecord(record), undefined);
  for (const epochs of [2, 9999, 30_001, 40_001]) {
    assertEquals(record.reports.find(([at]: [number]) => at === epochs), reports[epochs - 2]);
  }
});
