const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** The colours of texts and lines; a picture uses no other for what stands on its ground. */
export const INK = "#24292f";
export const SOFT = "#57606a";
export const LINE = "#d0d7de";
export const GROUND = "white";
const GRID = "#eaeef2";

/** Colours that stay apart for the colour-blind: M. Okabe, K. Ito, *Color Universal Design*, 2008. */
export const COLORS: readonly string[] = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#7f7f7f",
  "#000000",
];

/** Shares from none to all. */
export const SHARES: readonly string[] = ["#f6f8fa", "#6baed6", "#08306b"];

/** Viridis from few to many, N. Smith, S. van der Walt, 2015: <https://bids.github.io/colormap>. */
export const DENSITIES: readonly string[] = [
  "#fde725",
  "#b5de2b",
  "#6ece58",
  "#35b779",
  "#1f9e89",
  "#26828e",
  "#31688e",
  "#3e4989",
  "#482878",
  "#440154",
];

/** The colour in the dark scheme, by that in the light one. */
const DARK: Readonly<Record<string, string>> = {
  [GROUND]: "#0d1117",
  [INK]: "#e6edf3",
  [SOFT]: "#9198a1",
  [LINE]: "#3d444d",
  [GRID]: "#21262d",
  "#b6c0ca": "#4b5560",
  "#c9dcea": "#24405a",
  "#7fb3d5": "#3f7fae",
  "#f6f8fa": "#161b22",
  "#6baed6": "#1f6fb0",
  "#08306b": "#a5d6ff",
  "#2b7bba": "#5aa9e6",
  "#6fb0d8": "#2f6f9f",
  "#0072b2": "#4aa3e0",
  "#d55e00": "#ff8c42",
  "#009e73": "#2fc79a",
  "#cc79a7": "#e39ac4",
  "#e69f00": "#f2b233",
  "#56b4e9": "#8fd0f5",
  "#7f7f7f": "#a0a0a0",
  "#000000": "#ffffff",
  ...Object.fromEntries(DENSITIES.map((color, index) => [color, DENSITIES.at(-1 - index)!])),
};

/** A specification with the colours of the dark scheme in place of those of the light one. */
export function darkened(specification: unknown): unknown {
  if (typeof specification === "string") return DARK[specification] ?? specification;
  if (Array.isArray(specification)) return specification.map(darkened);
  if (typeof specification !== "object" || specification === null) return specification;
  return Object.fromEntries(
    Object.entries(specification).map(([name, value]) => [name, darkened(value)]),
  );
}

/** The look of all pictures. */
export const THEME: Readonly<Record<string, unknown>> = {
  // A label for each of a thousand cells would be most of the file, and no help to a listener.
  aria: false,
  background: GROUND,
  padding: 12,
  font: FONT,
  view: { stroke: null },
  title: { anchor: "start", frame: "group", color: INK, fontSize: 14, fontWeight: 600, offset: 8 },
  axis: {
    domainColor: LINE,
    gridColor: GRID,
    labelColor: SOFT,
    labelFontSize: 11,
    tickColor: LINE,
    titleColor: SOFT,
    titleFontSize: 11,
    titleFontWeight: "normal",
    titlePadding: 8,
  },
  legend: { labelColor: INK, labelFontSize: 11, symbolStrokeWidth: 2, title: null },
  mark: { color: COLORS[0] },
  range: { category: COLORS },
};

/** An axis and a scale for numbers that span orders of magnitude: a line for each power of ten. */
export function logarithmic(low: number, high: number): { axis: unknown; scale: unknown } {
  const exponents = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const powers = Array.from(
    { length: Math.max(0, exponents[1] - exponents[0] + 1) },
    (_, index) => 10 ** (exponents[0] + index),
  );
  const ticks = powers.length > 2 ? powers : [...powers, 10 ** (exponents[0] - 1)]
    .flatMap((power) => [power, 2 * power, 5 * power]);
  return {
    axis: { values: ticks, format: low < 1e-3 ? "~e" : ".4~g" },
    scale: { type: "log", nice: false },
  };
}
