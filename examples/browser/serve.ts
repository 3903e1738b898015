/**
 * Serves a page that trains on MNIST in its tab: `deno task browser`.
 *
 * @module
 */
import { buildPage } from "../../scripts/build_page.ts";
import { wasmPackage } from "../../src/deps/tfjs.ts";
import { loadMnist } from "../mnist/load_mnist.ts";
import { mnistFolder } from "../mnist/mnist_folder.ts";

/** Number of examples for training, validation and test together. */
const EXAMPLES = 8000;

/** The bytes of all images, then all labels. */
async function digits(): Promise<Uint8Array<ArrayBuffer>> {
  const { train: { images, labels } } = await loadMnist(await mnistFolder());
  const pixels = images.values.subarray(0, EXAMPLES * 28 * 28);
  const bytes = new Uint8Array(pixels.length + EXAMPLES);
  bytes.set(pixels);
  bytes.set(labels.values.subarray(0, EXAMPLES), pixels.length);
  return bytes;
}

/** Bundles the page, and returns the handler of its requests. */
export async function browserExample(): Promise<(request: Request) => Promise<Response>> {
  const [{ html }, examples] = await Promise.all([
    buildPage(new URL("main.ts", import.meta.url), "MNIST in this tab"),
    digits(),
  ]);
  return async (request) => {
    const name = new URL(request.url).pathname.slice(1);
    if (name === "") {
      return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    if (name === "digits") return new Response(examples);
    if (!/^tfjs-backend-wasm[\w-]*\.wasm$/.test(name)) return new Response(null, { status: 404 });
    const bytes = await Deno.readFile(new URL(name, wasmPackage()));
    return new Response(bytes, { headers: { "content-type": "application/wasm" } });
  };
}

if (import.meta.main) {
  const handler = await browserExample();
  Deno.serve({
    hostname: "127.0.0.1",
    port: 8050,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/ trains in its own tab`),
  }, handler);
}
