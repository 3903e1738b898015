import { assertEquals } from "@std/assert";
import { within } from "../fixtures/within.ts";

const states = await Promise.all(
  (["run", "env", "read", "write", "net"] as const).map((name) => Deno.permissions.query({ name })),
);
const npx = states.every(({ state }) => state === "granted") &&
  await new Deno.Command("npx", { args: ["--version"], stdout: "null", stderr: "null" }).output()
    .then(({ success }) => success, () => false);

const EXPECTED = [
  "page 200 true",
  "foreign page true 0",
  "heap number",
  "viewers 1 hello,log,points,state,work",
  "too big 1009",
  "cancelled asked by a viewer 1000",
  "url undefined",
];

/** The lines that a command prints. */
async function linesOf(command: string, args: readonly string[]): Promise<string[]> {
  const process = new Deno.Command(command, { args: [...args], env: { NO_COLOR: "1" } }).output();
  const { stdout, stderr } = await within(180_000, args.join(" "), process);
  const [printed, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  const known = new Set(EXPECTED);
  const lines = printed.trim().split("\n").filter((line) => known.has(line));
  return lines.length === EXPECTED.length ? lines : [printed, errors];
}

/** Makes one file of the program, for runtimes that read no npm: specifiers. */
async function withBundle(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    const source = new URL("served_page.ts", import.meta.url).href;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--platform", "deno", "-o", path, source],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    await work(path);
  } finally {
    await Deno.remove(path);
  }
}

// Node 22 has the server as well, but does not parse `using`, which a bundle of Deno keeps.
for (const runtime of ["node@24", "bun"]) {
  Deno.test(
    `LivePage serves and is steered in ${runtime}`,
    { ignore: !npx },
    () =>
      withBundle(async (path) =>
        assertEquals(await linesOf("npx", ["-y", runtime, path]), EXPECTED)
      ),
  );
}
