import { assert } from "@std/assert";
import { html } from "../../src/live/page/page.generated.ts";

const states = await Promise.all(
  (["env", "read", "run"] as const).map((name) => Deno.permissions.query({ name })),
);
const file = new URL("../../src/live/page/page.generated.ts", import.meta.url);

Deno.test("page.generated.ts is up to date with `deno task build:live`", {
  ignore: states.some(({ state }) => state !== "granted"),
}, async () => {
  const { buildLive } = await import("../../scripts/build_live.ts");
  const [built, committed] = [await buildLive(), await Deno.readTextFile(file)];
  // Each version of Deno has its own bundler.
  const version = (text: string) => text.slice(0, text.indexOf("\n"));
  if (version(built) !== version(committed)) return;
  assert(built === committed, "run `deno task build:live`");
});

Deno.test("the live page is one file of less than 300 KB", () => {
  assert(new TextEncoder().encode(html).length < 300_000);
});
