/**
 * Every guide is a program: its blocks, one below the other, run and print what the guide says.
 *
 * A line `// prints: text` after a `console.log()` is expected among the printed lines, in this order;
 * `…` stands for anything.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { runDeno } from "../fixtures/run_deno.ts";

const states = await Promise.all(
  (["run", "read", "write", "env"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const root = new URL("../../", import.meta.url);

/** A guide's blocks as one program. */
const programOf = (page: string) =>
  [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code).join("\n");

/** Every guide that has a program, by name. */
async function readGuides(): Promise<Map<string, string>> {
  const guides = new Map<string, string>();
  for await (const { name } of Deno.readDir(new URL("docs/guides/", root))) {
    const page = await Deno.readTextFile(new URL(`docs/guides/${name}`, root));
    const program = programOf(page);
    if (program !== "") guides.set(name.replace(/\.md$/, ""), program);
  }
  return guides;
}

/** Whether a line is what a guide says. */
function isSaid(line: string, said: string): boolean {
  const parts = said.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
}

const guides = ignore ? new Map<string, string>() : await readGuides();
const folder = ignore ? "" : await Deno.makeTempDir();

/** Writes all programs into one folder, in which the package has its name. */
async function prepare(): Promise<void> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const imports = Object.fromEntries(
    Object.entries<string>(exports).map(([name, path]) => [
      `@trainchart/trainchart${name.slice(1)}`,
      new URL(path, root).href,
    ]),
  );
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports, lock: false }));
  for (const [name, program] of guides) await Deno.writeTextFile(`${folder}/${name}.ts`, program);
}

Deno.test("the programs of all guides have the right types", { ignore }, async () => {
  assert(guides.size >= 12, `${guides.size} guides`);
  await prepare();
  const files = [...guides.keys()].map((name) => `${name}.ts`);
  const { code, errors } = await runDeno(folder, "check", "--quiet", ...files);
  assertEquals(code, 0, errors);
});

for (const [name, program] of guides) {
  Deno.test(`docs/guides/${name}.md runs, and prints what it says`, { ignore }, async () => {
    await prepare();
    const { code, output, errors } = await runDeno(folder, "run", "--no-check", "-A", `${name}.ts`);
    assertEquals(code, 0, errors);
    const lines = output.split("\n");
    let at = 0;
    for (const [, said] of program.matchAll(/\/\/ prints: (.*)$/gm)) {
      const found = lines.findIndex((line, index) => index >= at && isSaid(line, said));
      assert(found >= 0, `"${said}" is not printed in:\n${lines.slice(at).join("\n")}`);
      at = found + 1;
    }
  });
}

Deno.test("the folder of the guides' programs is removed", { ignore }, async () => {
  await Deno.remove(folder, { recursive: true });
});
