import { assertEquals } from "@std/assert";
import { VERSION } from "../src/version.ts";
import configuration from "../deno.json" with { type: "json" };

Deno.test("VERSION is the version in deno.json", () => {
  assertEquals(VERSION, configuration.version);
});
