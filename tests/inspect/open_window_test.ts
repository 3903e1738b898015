import { assertEquals } from "@std/assert";
import { noBrowser as ignore, withBrowser } from "../deps/playwright.ts";

/** A frame that stands in for the inspector. */
const FRAME = `<script type="module">
  addEventListener("message", ({ data }) => parent.postMessage({ heard: data }, "*"));
  setTimeout(() => parent.postMessage({ type: "@statelyai.connected" }, "*"), 300);
</script>`;

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  const [printed, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(complaints);
  return printed;
}

Deno.test("inspector() shows a machine in a frame of a page, to the end", { ignore }, async () => {
  const script = await output(
    Deno.execPath(),
    ...[
      "bundle",
      "--quiet",
      "--no-lock",
      "--platform",
      "browser",
      "tests/inspect/inspected_page.ts",
    ],
  );
  const files: Record<string, [string, string]> = {
    "/": ["text/html", `<iframe></iframe><script type="module" src="/page.js"></script>`],
    "/frame.html": ["text/html", FRAME],
    "/page.js": ["text/javascript", script],
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const [type, text] = files[new URL(url).pathname] ?? ["text/plain", ""];
    return new Response(text, { headers: { "content-type": type } });
  });
  try {
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.addr.port}/`);
      // The page sets its title at the end of the run.
      await page.waitForFunction("document.title !== ''", undefined, { timeout: 30_000 });
      const title = await page.title();
      assertEquals(title, '["@xstate.actor","cancelled","@statelyai.disconnected"]');
    });
  } finally {
    await server.shutdown();
  }
});
