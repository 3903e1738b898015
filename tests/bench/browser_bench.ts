/**
 * Compiled steps over steps operation by operation, in a page of headless Chromium.
 *
 * ```sh
 * deno task bench:browser                # tiny, MLP and CNN
 * deno task bench:browser --models tiny --rounds 21
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bundle } from "../../scripts/build_page.ts";
import { wasmPackage } from "../../src/deps/tfjs.ts";
import { noBrowser, withBrowser } from "../deps/playwright.ts";
import type { Ratio } from "./browser/measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    models: { type: "string", default: "tiny,mlp,cnn" },
    rounds: { type: "string", default: "15" },
  },
});

/** Set by the page. */
declare function measure(model: string, rounds: number): Promise<Ratio>;

if (noBrowser) {
  console.error("Chromium is not installed: apt-get install chromium");
  Deno.exit(1);
}
const script = await bundle(new URL("browser/measure.ts", import.meta.url));
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
  const name = new URL(request.url).pathname.slice(1);
  const answer = (body: BodyInit, type: string) =>
    new Response(body, {
      headers: {
        "content-type": type,
        // Without them, the clock of a page is a hundred times coarser.
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      },
    });
  if (name === "") return answer('<script type="module" src="/script.js"></script>', "text/html");
  if (name === "script.js") return answer(script, "text/javascript");
  if (!/^[\w-]+\.wasm$/.test(name)) return new Response(null, { status: 404 });
  const bytes = await Deno.readFile(new URL(name, wasmPackage()));
  return answer(bytes, "application/wasm");
});
console.log(
  "| model | compiled, ms a step | not compiled | ratio (quartiles) |\n|---|---|---|---|",
);
await withBrowser(async (browser) => {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(`http://127.0.0.1:${server.addr.port}/`);
  await page.waitForFunction(() => "measure" in globalThis);
  for (const model of values.models.split(",")) {
    const { compiled, eager, ratio: [lower, middle, upper] } = await page.evaluate(
      ([model, rounds]) => measure(model, Number(rounds)),
      [model, values.rounds],
    );
    const ratios = `${middle.toFixed(2)} (${lower.toFixed(2)} to ${upper.toFixed(2)})`;
    console.log(`| ${model} | ${compiled.toFixed(3)} | ${eager.toFixed(3)} | ${ratios} |`);
  }
});
await server.shutdown();
