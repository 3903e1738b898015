import { assertStringIncludes } from "@std/assert";

const CHROMIUM = "/usr/bin/chromium";

/** A frame that is to the page what the inspector is. */
const FRAME = `<script type="module">
  addEventListener("message", ({ data }) => parent.postMessage({ heard: data }, "*"));
  setTimeout(() => parent.postMessage({ type: "@statelyai.connected" }, "*"), 300);
</script>`;

const states = await Promise.all(
  (["run", "net", "read", "write"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted") ||
  await Deno.stat(CHROMIUM).then(() => false, () => true);

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

Deno.test("inspector() shows a machine in a frame of a page, to its end", { ignore }, async () => {
  const script = await output(
    Deno.execPath(),
    ...["bundle", "--quiet", "--platform", "browser", "tests/inspect/inspected_page.ts"],
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
  const profile = await Deno.makeTempDir();
  try {
    const page = await output(
      CHROMIUM,
      ...["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000"],
      ...[`--user-data-dir=${profile}`, "--dump-dom", `http://127.0.0.1:${server.addr.port}/`],
    );
    assertStringIncludes(
      page,
      '<title>["@xstate.actor","cancelled","@statelyai.disconnected"]</title>',
    );
  } finally {
    await server.shutdown();
    await Deno.remove(profile, { recursive: true });
  }
});
