import { assertEquals, assertGreater } from "@std/assert";

const { state } = await Deno.permissions.query({ name: "read" });
const root = new URL("../../", import.meta.url);

/** All pages: in the root, and below docs, examples and .github. */
async function* pages(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || ".", root))) {
    const path = `${folder}${name}`;
    const isSearched = folder !== "" || ["docs", "examples", ".github"].includes(name);
    if (isDirectory && isSearched) yield* pages(`${path}/`);
    else if (name.endsWith(".md")) yield path;
  }
}

/** The anchors that a page's headings have. */
const anchorsOf = (page: string) =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );

Deno.test("every link of every page leads to a file, and to a heading of it", {
  ignore: state !== "granted",
}, async () => {
  const broken: string[] = [];
  let links = 0;
  for await (const path of pages()) {
    const page = (await Deno.readTextFile(new URL(path, root))).replace(/^```.*?^```/gms, "");
    for (const [, target] of page.matchAll(/\]\(((?!https?:|mailto:)[^)\s]+)\)/g)) {
      links++;
      const url = new URL(target, new URL(path, root));
      const anchor = url.hash.slice(1);
      url.hash = "";
      try {
        const { isFile } = await Deno.stat(url);
        if (anchor && !(isFile && anchorsOf(await Deno.readTextFile(url)).includes(anchor))) {
          broken.push(`${path}: ${target}`);
        }
      } catch {
        broken.push(`${path}: ${target}`);
      }
    }
  }
  assertEquals(broken, []);
  assertGreater(links, 60);
});
