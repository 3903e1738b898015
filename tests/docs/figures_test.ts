import { assertEquals, assertMatch } from "@std/assert";
import { figurePages, fillIn, MARK, namesIn, readFigures } from "../../scripts/figures.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";
const root = new URL("../../", import.meta.url);

async function readPages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for await (const path of figurePages()) {
    pages.set(path, await Deno.readTextFile(new URL(path, root)));
  }
  return pages;
}

Deno.test(
  "each figure of README and docs is the one in docs/figures.json",
  { ignore },
  async () => {
    const figures = await readFigures();
    const pages = await readPages();
    for (const [path, page] of pages) {
      assertEquals(fillIn(page, figures), page, `${path} is stale: run \`deno task figures\``);
    }
    const used = namesIn(pages.values());
    assertEquals(Object.keys(figures).filter((name) => !used.has(name)).sort(), []);
    for (const { value, date, machine, command } of Object.values(figures)) {
      assertMatch(value, /^-?\d[\d.,]*( (µs|ms|s|%|MB|GB))?$/);
      assertMatch(date, /^20\d\d-\d\d-\d\d$/);
      assertMatch(machine, /core/);
      assertMatch(command, /^deno /);
    }
  },
);

/** Headings whose tables hold nothing but measured figures. */
const MEASURED =
  /^(Speed|Benchmarks|Measured|A step against PyTorch|Every architecture against PyTorch|Growth|One cycle|Compiled steps)$/;

/** A table: its head, and its rows. */
const TABLE = /^\|.*\n\|[-| ]+\n((?:\|.*\n?)+)/gm;

Deno.test("no figure is written by hand into a table of measurements", { ignore }, async () => {
  const unmarked: string[] = [];
  let rows = 0;
  for (const [path, page] of await readPages()) {
    for (const section of page.split(/^#+ /m)) {
      const [heading] = section.split("\n", 1);
      if (!MEASURED.test(heading)) continue;
      const tables = [...section.matchAll(TABLE)].map(([, body]) => body.trimEnd());
      for (const row of tables.flatMap((body) => body.split("\n"))) {
        const cells = row.split("|").slice(2, -1).map((cell) => cell.trim());
        const bare = cells.filter((cell) => /^[-\d]/.test(cell) && /\d/.test(cell))
          .filter((cell) => !cell.includes("<!--") && !/^\d (threads?|ranks?)$/.test(cell));
        rows++;
        unmarked.push(...bare.map((cell) => `${path}, ${heading}: ${cell}`));
      }
    }
  }
  assertEquals(unmarked, []);
  assertEquals(rows > 30, true);
});

/** Words that compare two measurements: a figure with one of them comes from a benchmark. */
const COMPARED = new RegExp(
  String.raw`\b(\d[\d.,]*|two|three|four|five|ten|hundred|twice|half|(?:a|an|one|nine) ` +
    String.raw`(?:third|quarter|fifth|eighth|tenth)s?|nine tenths)( times)? ` +
    "(as (?:fast|long|slow|much time)|faster|slower|longer|(?:of )?the time)",
);

/** Sentences that compare by a rule or a printed line, not by a measurement. */
const RULES = [
  "about 50 times slower`", // the line that is printed, checked by its own test
  "until a step takes twice as long", // what a reader is to try
];

Deno.test("no sentence compares speeds by figures without a mark", { ignore }, async () => {
  const unmarked: string[] = [];
  for (const [path, page] of await readPages()) {
    const prose = page.replace(/^```.*?^```/gms, "").replace(/\s+/g, " ");
    for (const sentence of prose.replace(MARK, "#").split(/(?<=[.:;]) /)) {
      const isRule = RULES.some((rule) => sentence.includes(rule));
      if (COMPARED.test(sentence) && !isRule) unmarked.push(`${path}: ${sentence}`);
    }
  }
  assertEquals(unmarked, []);
});
