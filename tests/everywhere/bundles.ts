/**
 * Bundles of the package: for Node, Bun and Deno, and for a page and a worker of a browser.
 *
 * @module
 */
/// <reference lib="dom" />
import { assertEquals, assertMatch } from "@std/assert";
import { complaintsOf, noBrowser, withBrowser } from "../deps/playwright.ts";
import { succeed } from "./installed.ts";

const WASM = "tfjs-backend-wasm-simd.wasm";

/** Packages of CommonJS in a bundle of modules call `require`. */
const REQUIRE =
  "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

/** A program whose bundler places the file. */
const VITE = `
  import url from "@tensorflow/tfjs-backend-wasm/dist/${WASM}?url";
  import { trainLine } from "./train_line.js";
  await trainLine({ wasm: { url } });
`;

const LIMIT = 60_000;

/** Headers with which a page may share memory between threads. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  wasm: "application/wasm",
};

/**
 * Registers the tests.
 *
 * @param app Returns the folder in which the package is installed.
 * @param runtimes The command of each runtime.
 */
export function testBundles(
  app: () => string,
  runtimes: Readonly<Record<string, readonly string[]>>,
): void {
  Deno.test("a bundle for servers says which file is missing, and finds it beside itself", async () => {
    const folder = await Deno.makeTempDir();
    const bundle = `${folder}/bundle.mjs`;
    await build(app(), bundle, "--platform=node", `--banner:js=${REQUIRE}`);
    const run = async ([runtime, ...flags]: readonly string[]) =>
      JSON.parse((await succeed(folder, runtime, ...flags, bundle)).trim());
    const { name, reason } = await run(runtimes["node@22"]);
    assertEquals(name, "cpu");
    assertMatch(reason, /^about 50 times slower; .*there is no file:\S+\//);
    assertMatch(reason, /Copy tfjs-backend-wasm-simd\.wasm from node_modules\/@tensorflow/);
    await copyWasm(app(), folder);
    for (const command of Object.values(runtimes)) {
      const { name, status, learned } = await run(command);
      assertEquals({ name, status, learned }, { name: "wasm", status: "completed", learned: true });
    }
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test("bundles train in a page and in a worker, with isolation and without", {
    ignore: noBrowser,
  }, async () => {
    const folder = await Deno.makeTempDir();
    await build(app(), `${folder}/bundle.js`, "--platform=browser", "--minify");
    await copyWasm(app(), folder);
    const write = (name: string, script: string) =>
      Deno.writeTextFile(`${folder}/${name}.html`, `<!doctype html><title>-</title>${script}`);
    await write("page", '<script type="module" src="bundle.js"></script>');
    await write(
      "worker",
      `<script>new Worker("bundle.js", { type: "module" })
        .onmessage = ({ data }) => document.title = data;</script>`,
    );
    const source = `${app()}/programs/index.html`;
    await Deno.writeTextFile(source, `<script type="module">${VITE}</script>`);
    const vite = `${app()}/node_modules/.bin/vite`;
    const flags = ["--outDir", `${folder}/vite`, "--base", "./", "--logLevel", "error"];
    await succeed(`${app()}/programs`, vite, "build", ...flags);

    await withBrowser(async (browser) => {
      for (const headers of [{}, ISOLATED]) {
        const server = serve(folder, headers);
        for (const path of ["page.html", "worker.html", "vite/index.html"]) {
          const page = await browser.newPage();
          const complaints = complaintsOf(page);
          await page.goto(`http://127.0.0.1:${server.addr.port}/${path}`);
          await page.waitForFunction(() => document.title.startsWith("{"), undefined, {
            timeout: LIMIT,
          });
          const { name, status, learned } = JSON.parse(await page.title());
          assertEquals(
            { path, name, status, learned },
            { path, name: "wasm", status: "completed", learned: true },
          );
          assertEquals(complaints, []);
          await page.close();
        }
        await server.shutdown();
      }
    });
    await Deno.remove(folder, { recursive: true });
  });
}

/** Bundles a program with esbuild. */
async function build(app: string, bundle: string, ...flags: string[]): Promise<void> {
  await succeed(
    app,
    `${app}/node_modules/.bin/esbuild`,
    ...["programs/bundled.js", "--bundle", "--format=esm", "--target=es2022"],
    ...["--log-level=error", `--outfile=${bundle}`, ...flags],
  );
}

async function copyWasm(app: string, folder: string): Promise<void> {
  const installed = `${app}/node_modules/@tensorflow/tfjs-backend-wasm/dist`;
  await Deno.copyFile(`${installed}/${WASM}`, `${folder}/${WASM}`);
}

function serve(folder: string, headers: Record<string, string>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const type = TYPES[pathname.split(".").at(-1)!];
    const bytes = await Deno.readFile(folder + pathname).catch(() => undefined);
    if (!bytes || !type) return new Response(null, { status: 204 });
    return new Response(bytes, { headers: { "content-type": type, ...headers } });
  });
}
