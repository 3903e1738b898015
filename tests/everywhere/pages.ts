/**
 * The pages of the runtimes: their programs run by their own commands, and print what they say.
 *
 * A block whose first line is a comment with a name, `// main.js`, is that file. Blocks of `sh` are
 * commands. A line `// prints: text` is expected in the output, `// shows: text` on the page.
 *
 * @module
 */
/// <reference lib="dom" />
import { assert, assertEquals, assertMatch } from "@std/assert";
import { complaintsOf, noBrowser, withBrowser } from "../deps/playwright.ts";
import { ISOLATED, serve } from "./bundles.ts";
import { run, succeed } from "./installed.ts";

const COMPUTES = /Trainchart computes on wasm: WebAssembly with [\w ]*SIMD/;

const ROOT = new URL("../../", import.meta.url).pathname;
const GUIDES = new URL("../../docs/guides/", import.meta.url);

/** Why `deno compile` cannot make a program; `undefined`: it can. */
async function denoCompileObstacle(): Promise<string | undefined> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/empty.ts`, "");
  const flags = ["--quiet", "--no-lock", "--output", "empty", "empty.ts"];
  const { code, stderr } = await run(folder, Deno.execPath(), "compile", ...flags);
  await Deno.remove(folder, { recursive: true });
  if (code !== 0) return /https:\S+denort\S+\.zip/.exec(stderr)?.[0] ?? stderr;
}

const obstacle = await denoCompileObstacle();

/**
 * Registers the tests.
 *
 * @param app Returns the folder in which the package is installed.
 * @param runtimes The command of each runtime.
 */
export function testPages(
  app: () => string,
  runtimes: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [page, node] of [["node", "node@22"], ["node", "node@24"], ["bun", "node@22"]]) {
    Deno.test(`docs/guides/${page}.md runs as it says, beside ${node}`, async () => {
      await testPage(page, node);
    });
  }
  Deno.test(
    "docs/guides/compiled_programs.md runs as it says" +
      (obstacle ? `, but for deno compile: cannot read ${obstacle}` : ""),
    async () => void await testPage("compiled_programs", "node@22"),
  );
  Deno.test(
    "deno compile makes one file that trains on MNIST" +
      (obstacle ? `: cannot read ${obstacle}` : ""),
    { ignore: obstacle !== undefined },
    async () => {
      const folder = await Deno.makeTempDir();
      const flags = ["-A", "--quiet", "--no-lock", "--no-check", "--output", `${folder}/mnist`];
      await succeed(ROOT, runtimes.deno[0], "compile", ...flags, "examples/mnist.ts");
      const options = ["--model", "mlp", "--limit", "600", "--epochs", "1"];
      const { code, stderr } = await run(folder, `${folder}/mnist`, ...options);
      assertEquals(code, 0, stderr);
      assertMatch(stderr, COMPUTES);
      await Deno.remove(folder, { recursive: true });
    },
  );
  for (const page of ["browsers", "workers"]) {
    Deno.test(`docs/guides/${page}.md runs as it says`, { ignore: noBrowser }, async () => {
      const program = await testPage(page, "node@22");
      const server = serve(app(), ISOLATED);
      await withBrowser(async (browser) => {
        const tab = await browser.newPage();
        const complaints = complaintsOf(tab);
        const [, shown] = /\/\/ shows: (.*)$/m.exec(program)!;
        await tab.goto(`http://127.0.0.1:${server.addr.port}/index.html`);
        await tab.waitForFunction((text) => document.body?.textContent === text, shown);
        assertEquals(complaints, []);
      });
      await server.shutdown();
    });
  }

  /** Writes the files of a page, runs its commands, compares what they print; returns the files. */
  async function testPage(page: string, node: string): Promise<string> {
    const text = await Deno.readTextFile(new URL(`${page}.md`, GUIDES));
    const folder = app();
    await Deno.remove(`${folder}/dist`, { recursive: true }).catch(() => {});
    const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, kind, block]) => ({
      kind,
      block,
    }));
    let program = "";
    for (const { block } of blocks) {
      const [, name] = /^(?:\/\/|<!--) (\w+\.\w+)/.exec(block) ?? [];
      if (name) await Deno.writeTextFile(`${folder}/${name}`, block);
      if (name) program += block;
    }
    const path = await linkRuntimes(node);
    let printed = "";
    for (const { kind, block } of blocks) {
      if (kind !== "sh" || (obstacle && block.startsWith("deno compile"))) continue;
      const commands = `export PATH=${path}:$PATH; set -e; ${block}`;
      const { code, stdout, stderr } = await run(folder, "sh", "-c", commands);
      assertEquals(code, 0, stderr);
      // A bundle for browsers is only made here.
      if (!block.includes("--splitting")) {
        assertMatch(stderr, COMPUTES);
      }
      printed += stdout;
    }
    for (const [, said] of program.matchAll(/\/\/ prints: (.*)$/gm)) {
      assert(printed.split("\n").includes(said), `"${said}" is not printed in:\n${printed}`);
    }
    return program;
  }

  /** A folder with the runtimes under the names that people call them by. */
  async function linkRuntimes(node: string): Promise<string> {
    const folder = `${app()}/bin-${node}`;
    const paths = { node: runtimes[node][0], bun: runtimes.bun[0], deno: runtimes.deno[0] };
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, path] of Object.entries(paths)) {
      await Deno.symlink(path, `${folder}/${name}`).catch(() => {});
    }
    return folder;
  }
}
