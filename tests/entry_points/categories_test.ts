import { assert, assertEquals } from "@std/assert";

const states = await Promise.all(
  (["run", "read"] as const).map((name) => Deno.permissions.query({ name })),
);
const root = new URL("../../", import.meta.url);

interface Declaration {
  kind: string;
  location: { filename: string; line: number };
  jsDoc?: { tags?: { kind: string }[] };
}

Deno.test("every export has a category in its documentation, every entry point an example", {
  ignore: states.some(({ state }) => state !== "granted"),
}, async () => {
  const entries = [...Deno.readDirSync(root)].map(({ name }) => name).filter((name) =>
    name.endsWith(".ts")
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", "--no-lock", ...entries],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, {
      module_doc?: Declaration["jsDoc"];
      symbols: { name: string; declarations: Declaration[] }[];
    }>;
  };
  assertEquals(Object.keys(nodes).length, entries.length);
  const has = (doc: Declaration["jsDoc"], kind: string) =>
    doc?.tags?.some((tag) => tag.kind === kind) ?? false;
  for (const [entry, { module_doc, symbols }] of Object.entries(nodes)) {
    assert(has(module_doc, "example"), `${entry} has no example`);
    const without = symbols.filter(({ declarations }) =>
      declarations.some(({ kind }) => kind !== "reference") &&
      !declarations.some(({ jsDoc }) => has(jsDoc, "category"))
    );
    assertEquals(without.map(({ name }) => name), [], `${entry}: no @category`);
  }
});
