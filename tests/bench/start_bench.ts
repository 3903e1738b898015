/**
 * The cost of starting, as CPU time of whole processes: `deno task bench:start`.
 *
 * The processes that are compared take turns, so that a change of the machine's speed meets both.
 * Each of them has run before: caches are warm.
 *
 * @module
 */
import { median } from "./median.ts";

const ROUNDS = 21;
// The lock file of the tests: it also has the package `@tensorflow/tfjs`.
const deno = [
  ...[Deno.execPath(), "run", "--quiet", "--no-check", "--lock=tests/deno.lock"],
  ...["--allow-env", "--allow-read"],
];
const here = new URL("start/", import.meta.url);
const example = new URL("../../examples/fit_a_line.ts", import.meta.url);

/** CPU time of a command, user and system, s; `undefined` if it fails. */
async function costOf(command: readonly string[]): Promise<number | undefined> {
  const { success, stdout } = await new Deno.Command("bash", {
    args: ["-c", '"$@" >/dev/null 2>&1 || exit 1; times', "bash", ...command],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) return undefined;
  const [, ofChildren] = new TextDecoder().decode(stdout).trim().split("\n");
  const seconds = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, seconds]) =>
    60 * Number(minutes) + Number(seconds)
  );
  return seconds[0] + seconds[1];
}

/** Median ratio of the costs of two commands; `undefined` if one of them fails. */
async function ratioOf(
  ours: readonly string[],
  theirs: readonly string[],
): Promise<number | undefined> {
  const ratios: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const [ourCost, theirCost] = [await costOf(ours), await costOf(theirs)];
    if (ourCost === undefined || theirCost === undefined) return undefined;
    if (round >= 0) ratios.push(ourCost / theirCost);
  }
  return median(ratios);
}

const path = (name: string) => new URL(name, here).pathname;
const comparisons = [
  {
    name: "importing mod.ts over importing TensorFlow.js",
    ours: [...deno, path("import_trainchart.ts")],
    theirs: [...deno, path("import_tfjs.ts")],
    limit: 1.3,
  },
  {
    name: "examples/fit_a_line.ts over the same in PyTorch",
    ours: [...deno, example.pathname],
    theirs: ["/usr/bin/python3", path("fit_a_line.py")],
    limit: 0.35,
  },
];
let slow = false;
for (const { name, ours, theirs, limit } of comparisons) {
  const ratio = await ratioOf(ours, theirs);
  console.log(`${name}: ${ratio?.toFixed(2) ?? "one of the two is not installed"} (<= ${limit})`);
  slow ||= ratio !== undefined && ratio > limit;
}
if (slow) Deno.exit(1);
