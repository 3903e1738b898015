/**
 * The house stays in order: imports go down the list of rooms in docs/architecture.md, and never in
 * a circle.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";
const root = new URL("../", import.meta.url);

/** The rooms, from the ground up, as the table of docs/architecture.md lists them. */
async function roomsOf(): Promise<string[]> {
  const page = await Deno.readTextFile(new URL("docs/architecture.md", root));
  const [, table] = /\n\| room +\|[^\n]*\n\|[- |]*\n(.*?)\n\n/s.exec(page)!;
  return table.split("\n").map((row) => /^\| `(\w+)`/.exec(row)![1]);
}

/** Paths of all modules below a folder, relative to the root. */
async function* modulesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) yield* modulesOf(`${folder}${name}/`);
    else if (name.endsWith(".ts") && !name.includes(".generated.")) yield `${folder}${name}`;
  }
}

/** Every import of a module, of types and of workers too, as paths relative to the root. */
async function importsOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(path, root));
  const code = text.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "");
  const forms = [
    /\bfrom\s*"(\.[^"]+)"/g,
    /\bimport\s*\(?\s*"(\.[^"]+)"/g,
    /\bimport\.meta\.resolve\(\s*"(\.[^"]+\.ts)"/g,
    /\bnew URL\(\s*"(\.[^"]+\.ts)"/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)]).map(([, specifier]) =>
    new URL(specifier, new URL(path, root)).href.slice(root.href.length)
  ).filter((target) => target.endsWith(".ts"));
}

/** Every module of src with its imports. */
async function graphOf(): Promise<Map<string, string[]>> {
  const graph = new Map<string, string[]>();
  for await (const path of modulesOf("src/")) graph.set(path, await importsOf(path));
  assertGreater(graph.size, 200);
  return graph;
}

const roomOf = (path: string) => path.split("/")[1].replace(/\.ts$/, "");

Deno.test("every folder of src is a room of docs/architecture.md, and every room a folder", {
  ignore,
}, async () => {
  const found = [...new Set([...(await graphOf()).keys()].map(roomOf))];
  assertEquals(found.sort(), (await roomsOf()).sort());
});

Deno.test("no import goes up the list of rooms, not even of a type", { ignore }, async () => {
  const rooms = await roomsOf();
  const graph = await graphOf();
  const upwards = [...graph].flatMap(([path, imports]) =>
    imports.filter((target) =>
      !target.startsWith("src/") || rooms.indexOf(roomOf(target)) > rooms.indexOf(roomOf(path))
    ).map((target) => `${path} imports ${target}`)
  );
  assertEquals(upwards, []);
});

Deno.test("no files import each other in a circle", { ignore }, async () => {
  const graph = await graphOf();
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: string[]) => {
    const began = way.indexOf(path);
    if (began >= 0) circles.push([...way.slice(began), path].join(" -> "));
    if (began >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  assertEquals(circles, []);
});

Deno.test("only src/deps names packages", { ignore }, async () => {
  for await (const path of modulesOf("src/")) {
    if (path.startsWith("src/deps/")) continue;
    const text = await Deno.readTextFile(new URL(path, root));
    const code = text.replace(/\/\*.*?\*\//gs, "");
    const named = /"((?:npm|jsr|https?):[^"/][^"]*)"/.exec(code)?.[1];
    assert(named === undefined, `${path} names ${named}`);
  }
});

Deno.test("src/version.ts is the version of deno.json", { ignore }, async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const { VERSION } = await import("../src/version.ts");
  assertEquals(VERSION, version);
});
