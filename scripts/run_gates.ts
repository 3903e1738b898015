/**
 * Every gate that a change must pass: `deno task ok`. Continues after a failure, so that all
 * failures are seen at once, and repeats the end of what the failed gates printed.
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
  ["task", "test:everywhere"],
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

/** Size of the end of a gate's output that is repeated after a failure, in characters. */
const REPEATED = 6000;

/** Prints a stream while it comes; returns its end. */
async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  let end = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const text = decoder.decode(bytes, { stream: true });
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    end = (end + text).slice(-REPEATED);
  }
  return end;
}

/** Runs a gate; returns its exit code, and the end of what it printed. */
async function run(args: string[]): Promise<{ code: number; end: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ends = await Promise.all([show(process.stdout), show(process.stderr)]);
  return { code: (await process.status).code, end: ends.join("") };
}

const failed: { name: string; end: string }[] = [];
const gates = Deno.args.includes("--download") ? [...GATES, DOWNLOAD] : GATES;
for (const args of gates) {
  const name = `deno ${args.join(" ")}`;
  console.log(`--- ${name}`);
  const began = performance.now();
  let { code, end } = await run(args);
  // A software Vulkan driver can bring a process down as it exits, after its last test.
  if (code >= 128) {
    console.log(`ended by a signal (${code}): once more`);
    ({ code, end } = await run(args));
  }
  if (code !== 0) failed.push({ name, end });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`    (${code === 0 ? "passed" : "FAILED"}, ${seconds} s)`);
}
console.log(`${gates.length - failed.length} passed, ${failed.length} failed`);
for (const { name, end } of failed) console.log(`FAILED: ${name}, which ended with\n${end}`);
if (failed.length > 0) Deno.exit(1);
