/**
 * Every gate that a change must pass: `deno task ok`. Continues after a failure, so that all
 * failures are seen at once.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);
const LOCK = "--lock=tests/deno.lock";
const ENTRIES = [...Deno.readDirSync(ROOT)].map(({ name }) => name).filter((name) =>
  name.endsWith(".ts")
).sort();
/** Pages with examples, but for the guides, which are whole programs: `deno task test` runs them. */
const PAGES = [...Deno.readDirSync(new URL("docs/", ROOT))].map(({ name }) => `docs/${name}`)
  .filter((path) => path.endsWith(".md")).sort();

/** Arguments of Deno for each gate. */
const GATES: string[][] = [
  // First, as some of the others add packages to the lock file.
  ["task", "check:lock"],
  ["task", "test"],
  ["test", "--quiet", LOCK],
  ["task", "test:tfjs"],
  ["fmt", "--check"],
  ["lint"],
  ["check", LOCK],
  ["doc", "--lint", "--no-lock", ...ENTRIES],
  // The main entry point also exports all types that its exports refer to.
  ["doc", "--lint", "--no-lock", "mod.ts"],
  ["publish", "--dry-run", "--allow-dirty"],
  ["test", "--quiet", "--doc", "-A", LOCK, ...ENTRIES, "src", "README.md", ...PAGES],
  ["task", "mnist", "--model", "mlp", "--epochs", "1"],
  ["task", "spell"],
];
/** Downloads about 800 MB. */
const DOWNLOAD = ["task", "check:download"];

/** Runs a gate; returns its exit code. */
async function run(args: string[]): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return code;
}

const failed: string[] = [];
const gates = Deno.args.includes("--download") ? [...GATES, DOWNLOAD] : GATES;
for (const args of gates) {
  const name = `deno ${args.join(" ")}`;
  console.log(`--- ${name}`);
  const began = performance.now();
  let code = await run(args);
  // A software Vulkan driver can bring a process down as it exits, after its last test.
  if (code >= 128) {
    console.log(`ended by a signal (${code}): once more`);
    code = await run(args);
  }
  if (code !== 0) failed.push(name);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`    (${code === 0 ? "passed" : "FAILED"}, ${seconds} s)`);
}
console.log(`${gates.length - failed.length} passed, ${failed.length} failed`);
for (const name of failed) console.log(`FAILED: ${name}`);
if (failed.length > 0) Deno.exit(1);
