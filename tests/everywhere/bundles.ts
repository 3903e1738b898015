/**
 * Bundles of the package: for Node, Bun and Deno, and for a page and a worker of a browser.
 *
 * @module
 */
/// <reference lib="dom" />
import { assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { complaintsOf, noBrowser, type Page, withBrowser } from "../deps/playwright.ts";
import { runDeno } from "../fixtures/run_deno.ts";
import { succeed } from "./installed.ts";

const WASM = "tfjs-backend-wasm-simd.wasm";
const ROOT = new URL("../../", import.meta.url).pathname;

/** Packages of CommonJS in a bundle of modules call `require`. */
const REQUIRE =
  "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

/** Rollup leaves alone what is no module of its own, unless plugins read it. */
const ROLLUP = `
  import commonjs from "@rollup/plugin-commonjs";
  import { nodeResolve } from "@rollup/plugin-node-resolve";
  import { transformSync } from "esbuild";
  const minify = { renderChunk: (code) => transformSync(code, { minify: true, format: "esm" }) };
  const plugins = [nodeResolve({ browser: true }), commonjs(), minify];
  const onLog = () => {};
  export default { input: "programs/bundled.js", output: { dir: "rollup" }, plugins, onLog };
`;

/** Largest size of the scripts that a page loads to train a network on WebAssembly, in bytes. */
const MOST = 500_000;

const LIMIT = 60_000;

/** Headers with which a page may share memory between threads. */
export const ISOLATED: Record<string, string> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  wasm: "application/wasm",
};

/** A page, and the reason that it must give for its backend. */
interface Visit {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly reason: RegExp;
  /** Whether its scripts are the smallest that this bundler makes of the package. */
  readonly small?: boolean;
}

const ONE = /^WebAssembly with [\w ]*SIMD; webgpu: /;
const TWO = /^WebAssembly with [\w ]*SIMD, 2 threads; webgpu: /;
const REFUSED =
  /^WebAssembly with [\w ]*SIMD; one thread, as the page is not cross-origin isolated;/;

const VISITS: Visit[] = [
  { path: "esbuild/page.html", reason: ONE, small: true },
  { path: "esbuild/worker.html", reason: ONE, small: true },
  { path: `esbuild/page.html?wasm=../rollup/${WASM}`, reason: ONE },
  { path: "esbuild/page.html?threads=2", reason: REFUSED },
  { path: "esbuild/page.html?threads=2", headers: ISOLATED, reason: TWO },
  { path: "esbuild/worker.html?threads=2", headers: ISOLATED, reason: TWO },
  { path: "vite/index.html", reason: ONE, small: true },
  { path: "rollup/page.html", reason: ONE, small: true },
  { path: "deno/page.html", reason: ONE },
];

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
    await build(app(), [`--outfile=${bundle}`, "--platform=node", `--banner:js=${REQUIRE}`]);
    await testServerBundle(app(), bundle, [runtimes["node@22"], ...Object.values(runtimes)]);
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test("so does a bundle that Deno makes for itself", async () => {
    const folder = await Deno.makeTempDir();
    await denoBundle(`${folder}/bundle.mjs`, "deno");
    await testServerBundle(app(), `${folder}/bundle.mjs`, [runtimes.deno]);
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test("bundles for Node have threads, a live page, and sweeps in processes", async () => {
    const folder = await Deno.makeTempDir();
    const programs = ["threads", "page", "sweep"].map((name) => `programs/${name}.js`);
    const flags = [`--outdir=${folder}`, "--out-extension:.js=.mjs", "--platform=node"];
    await build(app(), [...flags, `--banner:js=${REQUIRE}`], programs);
    await copyWasm(app(), folder);
    await Deno.copyFile(`${app()}/programs/points.csv`, `${folder}/points.csv`);
    const results = programs.map(async (path) => {
      const bundle = path.replace("programs/", "").replace(".js", ".mjs");
      const printed = await succeed(
        folder,
        runtimes["node@22"][0],
        bundle,
        `${folder}/${bundle}.d`,
      );
      const { weights: _, ...rest } = JSON.parse(printed.trim().split("\n").at(-1)!);
      return rest;
    });
    assertEquals(await Promise.all(results), [
      { reason: true, status: "completed" },
      { title: true, points: true, status: "cancelled", url: null },
      { trials: ["completed", "completed"] },
    ]);
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test("a bundle for browsers holds nothing that the program does not use", async () => {
    const folder = await Deno.makeTempDir();
    await build(app(), [`--outdir=${folder}`, "--splitting", `--metafile=${folder}/meta.json`]);
    const { inputs } = JSON.parse(await Deno.readTextFile(`${folder}/meta.json`));
    const unused =
      /tfjs-backend-webgl|vega|elkjs|nats|uplot|csv-parse|trainchart\/esm\/src\/(plots|live|inspect|diagram|sweep|distributed|images|language)\//;
    assertEquals(Object.keys(inputs).filter((path) => unused.test(path)), []);
    await Deno.remove(folder, { recursive: true });
  });

  Deno.test("bundles train in pages and workers, with threads and without, in 500 KB of scripts", {
    ignore: noBrowser,
  }, async () => {
    const folder = await Deno.makeTempDir();
    await buildPages(app(), folder);
    await withBrowser(async (browser) => {
      for (const { path, headers = {}, reason, small } of VISITS) {
        const scripts = new Set<string>();
        const server = serve(folder, headers, scripts);
        const page = await browser.newPage();
        await testPage(page, `http://127.0.0.1:${server.addr.port}/${path}`, reason);
        const sizes = [...scripts].map((path) => gzipSync(Deno.readFileSync(path)).length);
        if (small) assertLessOrEqual(sizes.reduce((a, b) => a + b), MOST, path);
        await page.close();
        await server.shutdown();
      }
    });
    await Deno.remove(folder, { recursive: true });
  });
}

/** Runs a bundle without the WebAssembly file beside it, then with it. */
async function testServerBundle(
  app: string,
  bundle: string,
  commands: readonly (readonly string[])[],
): Promise<void> {
  const folder = dirname(bundle);
  const run = async ([runtime, ...flags]: readonly string[]) =>
    JSON.parse((await succeed(folder, runtime, ...flags, bundle)).trim());
  const { name, reason } = await run(commands[0]);
  assertEquals(name, "cpu");
  assertMatch(reason, /^about 50 times slower; .*there is no file:\S+\//);
  assertMatch(reason, /Copy tfjs-backend-wasm-simd\.wasm from node_modules\/@tensorflow/);
  await copyWasm(app, folder);
  for (const command of commands) {
    const { name, status, learned } = await run(command);
    assertEquals({ name, status, learned }, { name: "wasm", status: "completed", learned: true });
  }
}

/** Visits a page, which trains on WebAssembly and says so in its title. */
async function testPage(page: Page, address: string, expected: RegExp): Promise<void> {
  const complaints = complaintsOf(page);
  await page.goto(address);
  await page.waitForFunction(() => document.title.startsWith("{"), undefined, { timeout: LIMIT });
  const { name, status, learned, reason } = JSON.parse(await page.title());
  assertEquals(
    { address, name, status, learned },
    { address, name: "wasm", status: "completed", learned: true },
  );
  assertMatch(reason, expected);
  assertEquals(complaints, []);
}

/** Makes a folder of pages with each bundler. */
async function buildPages(app: string, folder: string): Promise<void> {
  const script = '<script type="module" src="bundled.js"></script>';
  await Deno.writeTextFile(`${app}/programs/index.html`, script);
  await Deno.writeTextFile(`${app}/rollup.config.js`, ROLLUP);
  const vite = ["--outDir", `${folder}/vite`, "--base", "./", "--logLevel", "error"];
  const rollup = ["--config", "--silent", "--dir", `${folder}/rollup`];
  await Promise.all([
    build(app, [`--outdir=${folder}/esbuild`, "--splitting", "--minify"]),
    succeed(`${app}/programs`, `${app}/node_modules/.bin/vite`, "build", ...vite),
    succeed(app, `${app}/node_modules/.bin/rollup`, ...rollup),
    denoBundle(`${folder}/deno/bundled.js`, "browser"),
  ]);
  for (const name of ["esbuild", "rollup", "deno"]) {
    const write = (page: string, script: string) =>
      Deno.writeTextFile(
        `${folder}/${name}/${page}.html`,
        `<!doctype html><title>-</title>${script}`,
      );
    await write("page", script);
    await write(
      "worker",
      `<script>new Worker("bundled.js" + location.search, { type: "module" })
        .onmessage = ({ data }) => document.title = data;</script>`,
    );
    await copyWasm(app, `${folder}/${name}`);
  }
}

/** Bundles programs with esbuild. */
async function build(
  app: string,
  flags: readonly string[],
  programs: readonly string[] = ["programs/bundled.js"],
): Promise<void> {
  await succeed(
    app,
    `${app}/node_modules/.bin/esbuild`,
    ...[...programs, "--bundle", "--format=esm", "--target=es2022"],
    ...["--log-level=error", ...flags],
  );
}

/** Bundles a program, which imports the sources of the package, with Deno. */
async function denoBundle(bundle: string, platform: "browser" | "deno"): Promise<void> {
  const program = new URL("programs/bundled.js", import.meta.url).pathname;
  const flags = ["--quiet", "--no-lock", "--platform", platform, "--output", bundle];
  const { code, errors } = await runDeno(ROOT, "bundle", ...flags, program);
  assertEquals(code, 0, errors);
}

async function copyWasm(app: string, folder: string): Promise<void> {
  const installed = `${app}/node_modules/@tensorflow/tfjs-backend-wasm/dist`;
  await Deno.copyFile(`${installed}/${WASM}`, `${folder}/${WASM}`);
}

/** Serves a folder; adds the path of each script that it serves to a set. */
export function serve(
  folder: string,
  headers: Record<string, string>,
  scripts: Set<string> = new Set(),
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = folder + new URL(request.url).pathname;
    const type = TYPES[path.split(".").at(-1)!];
    const bytes = await Deno.readFile(path).catch(() => undefined);
    if (!bytes || !type) return new Response(null, { status: 204 });
    if (type === TYPES.js) scripts.add(path);
    return new Response(bytes, { headers: { "content-type": type, ...headers } });
  });
}
