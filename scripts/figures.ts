/**
 * The figures of README and docs: `deno task figures` writes them from docs/figures.json into the
 * pages, `deno task figures --measure NAME…` measures some of them again first.
 *
 * A figure in a page is followed by a comment with its name: `3.2 µs<!--learner.cpu-->`. No figure is
 * written by hand, and a test compares pages and file.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);
const FILE = new URL("docs/figures.json", ROOT);

/** A figure that was measured. */
export interface Figure {
  /** The figure with its unit, as pages show it. */
  value: string;
  /** Day of the measurement. */
  date: string;
  /** Processor and number of cores. */
  machine: string;
  /** The command that measured it. */
  command: string;
}

/** A command, and the figures in its output. */
interface Source {
  command: string;
  /** The figures by their names. */
  read(output: string): Record<string, string>;
}

/** The parts of the first match, one figure each. */
const one = (names: string[], pattern: RegExp) => (output: string) => {
  const match = pattern.exec(output);
  return Object.fromEntries(match ? names.map((name, index) => [name, match[index + 1]]) : []);
};
const all = (...readers: Source["read"][]) => (output: string) =>
  Object.assign({}, ...readers.map((read) => read(output))) as Record<string, string>;

/** A ratio as pages show it: two decimals, none from 10 on. */
const ratio = (value: number) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** Ratios to PyTorch on one thread, from `bench:training --json`: `training.mlp.tfjs_fit_cpu`. */
function readTraining(output: string): Record<string, string> {
  const { rows } = JSON.parse(output) as {
    rows: { model: string; variant: string; ratios: Record<string, { median: number }> }[];
  };
  const baseline = "torch, 1 thread";
  return Object.fromEntries(
    rows.filter(({ ratios }) => ratios[baseline]).map(({ model, variant, ratios }) => [
      `training.${model}.${variant.toLowerCase().replace(/[^a-z0-9]+/g, "_")}`,
      ratio(ratios[baseline].median),
    ]),
  );
}

/** Ratios to PyTorch on one thread, from `bench:models --json`: `models.gpt`. */
const readModels = (prefix: string) => (output: string) => {
  const { rows } = JSON.parse(output) as {
    rows: { model: string; wallRatio?: [lower: number, median: number, upper: number] }[];
  };
  return Object.fromEntries(
    rows.flatMap(({ model, wallRatio }) =>
      wallRatio ? [[`${prefix}.${model}`, ratio(wallRatio[1])]] : []
    ),
  );
};

/** The start of oneDNN, and its slowest first call on a new shape, from `bench:native --json`. */
function readNative(output: string): Record<string, string> {
  const { rows } = JSON.parse(output) as { rows: { what: string; ms: number }[] };
  const slowest = (kind: string) =>
    `${
      Math.max(...rows.filter(({ what }) => what.endsWith(kind)).map(({ ms }) => ms)).toFixed(1)
    } ms`;
  return {
    "native.start": slowest("start"),
    "native.first": slowest("first of all"),
    "native.shape": slowest("new shape"),
  };
}

/** Ratios over batch sizes and layers, from `bench:models --growth --json`: `growth.mlp.256`. */
const readGrowth = (prefix: string) => (output: string) => {
  const { rows } = JSON.parse(output) as {
    rows: { model: string; batch: number; wallRatio?: [number, median: number, number] }[];
  };
  return Object.fromEntries(
    rows.flatMap(({ model, batch, wallRatio }) => {
      const [name, layers] = model.split("_");
      return wallRatio ? [[`${prefix}.${name}.${layers ?? batch}`, ratio(wallRatio[1])]] : [];
    }),
  );
};

/** Ratios and times of `bench:scale --json`: `scale.mlp.efficiency`, `allreduce.4.time`. */
function readScale(output: string): Record<string, string> {
  const { allreduce, ...models } = JSON.parse(output) as {
    allreduce: Record<string, { microseconds: number; inC?: number }>;
  } & Record<string, Record<string, number>>;
  const time = (us: number) =>
    us < 1000 ? `${Number(us.toPrecision(2))} µs` : `${Number((us / 1000).toPrecision(2))} ms`;
  return Object.fromEntries([
    ...Object.entries(models).flatMap(([model, parts]) =>
      Object.entries(parts).map(([part, value]) => [
        `scale.${model}.${part}`,
        part === "share" ? `${(100 * value).toFixed(1)} %` : ratio(value),
      ])
    ),
    ...Object.entries(allreduce).flatMap(([size, { microseconds, inC }]) => [
      [`allreduce.${size}.time`, time(microseconds)],
      ...inC ? [[`allreduce.${size}.ratio`, ratio(microseconds / inC)]] : [],
    ]),
  ]);
}

/** Accuracies of a table of one_cycle.ts: `   1       0.026         0.8712     0.8805`. */
const readOneCycle = (data: string) => (output: string) =>
  Object.fromEntries(
    [...output.matchAll(/^ +(\d) +([\d.]+) +([\d.]+) +([\d.]+)$/gm)].flatMap(
      ([, seed, rate, constant, cycle]) => [
        [`one_cycle.${data}.${seed}.rate`, rate],
        [`one_cycle.${data}.${seed}.constant`, constant],
        [`one_cycle.${data}.${seed}.cycle`, cycle],
      ],
    ),
  );

const readFineTuning = (output: string) =>
  Object.fromEntries(
    [...output.matchAll(/^seed (\d) +fine-tuned ([\d.]+) +from scratch ([\d.]+)$/gm)].flatMap(
      ([, seed, tuned, scratch]) => [
        [`fine_tune.${seed}.tuned`, tuned],
        [`fine_tune.${seed}.scratch`, scratch],
      ],
    ),
  );

/** Of Debian's package dataset-fashion-mnist. */
const FASHION = "/usr/share/datasets/fashion-mnist";

const SOURCES: Record<string, Source> = {
  learner: {
    command: "deno task bench",
    read: all(
      one(["learner.cpu"], /no callbacks: ([\d.]+ µs)/),
      one(["learner.cpu_ten"], /ten callbacks: ([\d.]+ µs)/),
      one(["learner.heap"], /over 20,000: (-?[\d.]+ MB)/),
      one(["learner.ratio"], /over bare loop[^:]*: ([\d.]+)/),
    ),
  },
  start: {
    command: "deno task bench:start",
    read: all(
      one(["start.import"], /importing mod.ts[^:]*: ([\d.]+)/),
      one(["start.fit"], /fit_a_line.ts[^:]*: ([\d.]+)/),
    ),
  },
  inspect: {
    command: "deno task bench:inspect",
    read: one(["inspect.cpu"], /batch, inspected: ([\d.]+ µs)/),
  },
  live: {
    command: "deno task bench:live",
    read: all(
      one(["live.unwatched"], /page, unwatched: (-?[\d.]+ %)/),
      one(["live.watched"], /page, watched: (-?[\d.]+ %)/),
    ),
  },
  checkpoint: {
    command: "deno task bench:checkpoint",
    read: one(["checkpoint.longer"], /every 100 batches: (-?[\d.]+ %)/),
  },
  drill: {
    command: "deno task drill:kill --runs 100",
    read: one(
      ["drill.kills", "drill.inside", "drill.checkpoints"],
      /(\d+) kills \((\d+) inside a write\).*all of (\d+) checkpoints/s,
    ),
  },
  training: { command: "deno task bench:training --json", read: readTraining },
  models: { command: "deno task bench:models --json", read: readModels("models") },
  models_predict: {
    command: "deno task bench:models --predict --batch 64 --json",
    read: readModels("models_predict"),
  },
  models_native: {
    command: "deno task bench:models --native onednn --json",
    read: readModels("models_native"),
  },
  models_webassembly: {
    command: "deno task bench:models --webassembly --json",
    read: readModels("models_webassembly"),
  },
  models_compiled: {
    command:
      "deno task bench:models --compile true --models gpt,gpt_tanh,gpt_tiled,vit,seq2seq,siamese --json",
    read: readModels("models_compiled"),
  },
  models_native_compiled: {
    command:
      "deno task bench:models --native onednn --compile true --models gpt,gpt_tanh,gpt_tiled,vit,seq2seq,siamese --json",
    read: readModels("models_native_compiled"),
  },
  native: { command: "deno task bench:native --json", read: readNative },
  browser: {
    command: "deno task bench:browser",
    read: (output) =>
      Object.fromEntries(
        [...output.matchAll(/^\| (\w+) \|.*\| ([\d.]+) \([^|]*\|$/gm)]
          .map(([, model, compiled]) => [`browser.${model}`, compiled]),
      ),
  },
  growth: { command: "deno task bench:models --growth --json", read: readGrowth("growth") },
  growth_predict: {
    command: "deno task bench:models --growth --predict --json",
    read: readGrowth("growth_predict"),
  },
  scale: { command: "deno task bench:scale --json", read: readScale },
  scale_model: {
    command: "deno task bench:scale:model",
    read: all(...[2, 4].map((ranks) =>
      one(
        [`scale_model.${ranks}.predicted`, `scale_model.${ranks}.measured`],
        new RegExp(`${ranks} ranks: ([\\d.]+ ms) \\w+, ([\\d.]+ ms) measured`),
      )
    )),
  },
  mnist: { command: "deno task mnist", read: one(["mnist.accuracy"], /test accuracy: ([\d.]+)/) },
  fashion: {
    command: `deno task mnist --data ${FASHION}`,
    read: one(["fashion.accuracy"], /test accuracy: ([\d.]+)/),
  },
  spam: {
    command: "deno run -A --no-lock examples/imbalanced.ts",
    read: all(
      one(["spam.even"], /^ +1 +\S+ +\S+ +(\S+)/m),
      one(["spam.weighted"], /^ +8 +\S+ +\S+ +(\S+)/m),
    ),
  },
  one_cycle: {
    command: "deno run -A examples/one_cycle.ts",
    read: readOneCycle("mnist"),
  },
  one_cycle_fashion: {
    command: `deno run -A examples/one_cycle.ts --data ${FASHION}`,
    read: readOneCycle("fashion"),
  },
  fine_tune: {
    command: `deno run -A --no-lock examples/fine_tune.ts --seeds 3 --data ${FASHION}`,
    read: readFineTuning,
  },
};

/** A figure in a page, and the comment with its name. */
export const MARK = /(-?[\d.,]+(?:\s(?:µs|ms|s|%|MB|GB))?)<!--([\w.]+)-->/g;

/** All figures, by name. */
export async function readFigures(): Promise<Record<string, Figure>> {
  return JSON.parse(await Deno.readTextFile(FILE));
}

/** The pages with figures. */
export async function* figurePages(): AsyncGenerator<string> {
  yield "README.md";
  for (const folder of ["docs/", "docs/guides/", "docs/coming_from/", "examples/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
      if (name.endsWith(".md")) yield folder + name;
    }
  }
}

/** A table whose first column is headed "…, slowest first": its head, and its rows. */
const SORTED = /^(\|[^|\n]*slowest first *\|.*\n\|[-| ]+\n)((?:\|.*\n)+)/gm;

/** Sorts tables that say so by the figure of their second column. */
function sortTables(page: string): string {
  const figureOf = (row: string) => parseFloat(row.split("|")[2]);
  return page.replace(SORTED, (_, head: string, rows: string) =>
    head +
    rows.trimEnd().split("\n").toSorted((a, b) => figureOf(b) - figureOf(a)).join("\n") + "\n");
}

/**
 * Writes the figures into a page.
 *
 * @throws {Error} If a figure of the page was never measured.
 */
export function fillIn(page: string, figures: Record<string, Figure>): string {
  const filled = page.replace(MARK, (_, _value, name: string) => {
    const figure = figures[name];
    if (figure) return `${figure.value}<!--${name}-->`;
    throw new Error(`Cannot fill in ${name}: it was never measured`);
  });
  return sortTables(filled);
}

/** The names of the figures that pages show. */
export function namesIn(pages: Iterable<string>): Set<string> {
  return new Set([...pages].flatMap((page) => [...page.matchAll(MARK)].map(([, , name]) => name)));
}

/** The processor, and its cores. */
async function machine(): Promise<string> {
  const information = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const name = /^model name\s*: (.*)$/m.exec(information)?.[1] ?? Deno.build.arch;
  return `${name}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}`;
}

/** Runs the command of a source; returns its figures. */
async function measure(name: string): Promise<Record<string, Figure>> {
  const { command, read } = SOURCES[name];
  const [program, ...args] = command.split(" ");
  const { stdout } = await new Deno.Command(program === "deno" ? Deno.execPath() : program, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  const output = new TextDecoder().decode(stdout);
  const found = read(output);
  if (Object.keys(found).length === 0) throw new Error(`Cannot measure ${name}: ${output}`);
  const facts = {
    date: new Date().toISOString().slice(0, 10),
    machine: await machine(),
    command,
  };
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, { value, ...facts }]),
  );
}

if (import.meta.main) {
  const figures = await readFigures();
  const at = Deno.args.indexOf("--measure");
  for (const name of at < 0 ? [] : Deno.args.slice(at + 1)) {
    if (!SOURCES[name]) {
      console.error(`Cannot measure ${name}: known are ${Object.keys(SOURCES).join(", ")}`);
      Deno.exit(2);
    }
    const found = await measure(name);
    const { command } = SOURCES[name];
    const stale = Object.keys(figures).filter((name) =>
      figures[name].command === command && !(name in found)
    );
    if (stale.length > 0) {
      console.error(`${command} prints no ${stale.join(", ")}: old values stay`);
    }
    Object.assign(figures, found);
    for (const [name, { value }] of Object.entries(found)) console.log(name, value);
  }
  const pages = new Map<URL, string>();
  for await (const path of figurePages()) {
    const url = new URL(path, ROOT);
    pages.set(url, await Deno.readTextFile(url));
  }
  const used = namesIn(pages.values());
  const sorted = Object.fromEntries(
    Object.entries(figures).filter(([name]) => used.has(name)).sort(([a], [b]) => a < b ? -1 : 1),
  );
  await Deno.writeTextFile(FILE, JSON.stringify(sorted, null, 2) + "\n");
  const changed: string[] = [];
  for (const [url, page] of pages) {
    const filled = fillIn(page, sorted);
    if (filled === page) continue;
    await Deno.writeTextFile(url, filled);
    changed.push(url.pathname);
  }
  // Columns of tables are as wide as their figures.
  if (changed.length > 0) {
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", ...changed] }).output();
  }
}
