import { assert, assertEquals, assertLessOrEqual } from "@std/assert";

const states = await Promise.all(
  (["run", "read", "write"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const root = new URL("../../", import.meta.url);

Deno.test("README.md has at most 150 lines", {
  ignore,
}, async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  assertLessOrEqual(readme.trimEnd().split("\n").length, 150);
});

Deno.test("the first lines of README.md learn a line, pasted into an empty folder", {
  ignore,
}, async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const [, lines] = /```ts\n(.*?)```/s.exec(readme)!;
  const statements = lines.split("\n").filter((line) => line.trim() !== "");
  assertLessOrEqual(statements.length, 12);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/main.ts`, lines);
    // `deno add jsr:@trainchart/trainchart` writes the same, with an address at JSR.
    const imports = { "@trainchart/trainchart": new URL("mod.ts", root).href };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-env", "--allow-read", "main.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assert(lines.includes("learned y = 2x + 1"));
    assertEquals(new TextDecoder().decode(stdout), "learned y = 2x + 1\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
