import type { JobRecord } from "./job_record.ts";

/** An error is not cut below this length, in characters: first reports are left out. */
const SHORTEST_ERROR = 1000;

/**
 * Encodes a record as JSON of a limited size, as a message has it. If necessary, the end of the error
 * is cut off, and then reports are left out, except the last and those that are compared.
 *
 * @param record The record.
 * @param limit The largest size of the JSON, in bytes.
 * @param rungs The epochs after which the trial is compared with others.
 * @returns The JSON. It is larger than the limit only if nothing is left to cut.
 */
export function fitRecord(record: JobRecord, limit: number, rungs: readonly number[]): string {
  const { error = "", reports } = record;
  const needed = new Set(rungs.map((rung) => reports.findIndex(([epochs]) => epochs >= rung)));
  needed.add(reports.length - 1);
  let length = error.length;
  let stride = 1;
  for (;;) {
    const text = JSON.stringify({
      ...record,
      reports: reports.filter((_, index) => index % stride === 0 || needed.has(index)),
      ...error && { error: cut(error, length) },
    });
    if (new TextEncoder().encode(text).length <= limit) return text;
    if (length > SHORTEST_ERROR) length = Math.max(SHORTEST_ERROR, Math.floor(length / 2));
    else if (stride < reports.length) stride *= 2;
    else return text;
  }
}

/** Cuts off the end of a text, and says so. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length)} … (${text.length - length} characters more)`;
}
