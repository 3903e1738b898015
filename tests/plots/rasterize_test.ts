import { assert, assertEquals } from "@std/assert";
import { curvePlot } from "../../plots.ts";
import { chartToSvg } from "../../inspect.ts";
import { rasterize } from "../../src/plots/rasterize.ts";

const font = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted" ||
  !await Deno.stat(font).catch(() => undefined);

/** Width and height in the head of a PNG file. */
function sizeOf(png: Uint8Array): [number, number] {
  assertEquals([...png.subarray(1, 4)].map((code) => String.fromCharCode(code)).join(""), "PNG");
  const head = new DataView(png.buffer, png.byteOffset);
  return [head.getUint32(16), head.getUint32(20)];
}

Deno.test("rasterize() draws pictures and charts with their texts, in their size", {
  ignore,
}, async () => {
  const points = [{ x: 0, y: 0 }, { x: 1, y: 1 }];
  for (const svg of [await curvePlot(points, { title: "A title" }).svg(), await chartToSvg()]) {
    const [, width, height] = /width="(\d+)"[^>]*height="(\d+)"/.exec(svg)!;
    const drawn = (await rasterize(svg))!;
    assertEquals(sizeOf(drawn), [Number(width), Number(height)]);
    // Without its texts a picture is smaller.
    const bare = (await rasterize(svg.replace(/<text[^>]*>[^<]*<\/text>/g, "")))!;
    assert(drawn.length > 1.2 * bare.length, `${drawn.length} and ${bare.length} bytes`);
  }
});

Deno.test("rasterize() lights the active states of a chart", { ignore }, async () => {
  const lit = await rasterize(await chartToSvg(undefined, { active: ["learner.idle"] }));
  const dark = await rasterize(await chartToSvg());
  assert(lit!.length !== dark!.length);
});

Deno.test("rasterize() returns nothing for what it cannot draw", async () => {
  assertEquals(await rasterize("no drawing"), undefined);
});
