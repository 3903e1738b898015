import { fileSystem } from "../host/files.ts";
import { hostProcess, isGranted } from "../host/host_process.ts";

/** Folders of fonts, by operating system, and the files of a sans serif and a monospaced font. */
const FONTS: readonly (readonly [folder: string, ...files: string[]])[] = [
  [
    "/usr/share/fonts/truetype/dejavu",
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
  ],
  ["/usr/share/fonts/TTF", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf"],
  ["/usr/share/fonts/dejavu-sans-fonts", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"],
  [
    "/usr/share/fonts/truetype/liberation",
    "LiberationSans-Regular.ttf",
    "LiberationMono-Regular.ttf",
  ],
  ["/System/Library/Fonts/Supplemental", "Arial.ttf", "Arial Bold.ttf", "Courier New.ttf"],
  ["C:/Windows/Fonts", "arial.ttf", "arialbd.ttf", "consola.ttf"],
];

type Draw = (svg: string) => Uint8Array;

let loading: Promise<Draw | undefined> | undefined;

/**
 * Turns a drawing into pixels, for viewers that do not show SVG.
 *
 * @returns A PNG file; `undefined` in a browser, and where no font can be read.
 */
export async function rasterize(svg: string): Promise<Uint8Array | undefined> {
  try {
    return (await (loading ??= load()))?.(svg);
  } catch {
    return undefined; // the SVG is enough
  }
}

async function load(): Promise<Draw | undefined> {
  const fontBuffers = await readFonts();
  if (fontBuffers.length === 0) return undefined;
  const { initWasm, Resvg, resvgUrl } = await import("../deps/resvg.ts");
  await initWasm(await fileSystem.readFile(new URL("index_bg.wasm", resvgUrl)));
  return (svg) => {
    const drawing = new Resvg(svg, { font: { fontBuffers } });
    const pixels = drawing.render();
    try {
      return pixels.asPng();
    } finally {
      pixels.free();
      drawing.free();
    }
  };
}

/** Reads the first folder of fonts that there is. */
async function readFonts(): Promise<Uint8Array[]> {
  if (!hostProcess) return [];
  for (const [folder, ...files] of FONTS) {
    if (!isGranted({ name: "read", path: folder })) continue; // it would ask
    const read = await Promise.all(
      files.map((file) => fileSystem.readFile(`${folder}/${file}`).catch(() => undefined)),
    );
    const fonts = read.filter((font) => font !== undefined);
    if (fonts.length > 0) return fonts;
  }
  return [];
}
