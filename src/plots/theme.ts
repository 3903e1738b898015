const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const INK = "#24292f";
const SOFT = "#57606a";

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

/** How all pictures look. */
export const THEME: Readonly<Record<string, unknown>> = {
  // A label for each of a thousand cells would be most of the file, and nothing to listen to.
  aria: false,
  background: "white",
  padding: 12,
  font: FONT,
  view: { stroke: null },
  title: { anchor: "start", frame: "group", color: INK, fontSize: 14, fontWeight: 600, offset: 8 },
  axis: {
    domainColor: "#d0d7de",
    gridColor: "#eaeef2",
    labelColor: SOFT,
    labelFontSize: 11,
    tickColor: "#d0d7de",
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
