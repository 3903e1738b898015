import type { Point } from "../deps/elk.ts";
import {
  DOT,
  type PlacedChart,
  type PlacedEdge,
  type PlacedLabel,
  type PlacedState,
  TYPE,
} from "./place_chart.ts";
import { escapeMarkup } from "../text/text.ts";

/** The colours of a drawing. */
interface Palette {
  /** Backgrounds of states, by depth. */
  papers: readonly string[];
  leaf: string;
  ink: string;
  soft: string;
  line: string;
  border: string;
  active: string;
  onActive: string;
}

const PALETTES: Record<"light" | "dark", Palette> = {
  light: {
    papers: ["#ffffff", "#f6f9fc", "#ebf2fa", "#dfeaf7", "#d2e2f3"],
    leaf: "#ffffff",
    ink: "#1f2328",
    soft: "#57606a",
    line: "#6e7781",
    border: "#a9b6c4",
    active: "#0969da",
    onActive: "#ffffff",
  },
  dark: {
    papers: ["#0d1117", "#111824", "#162132", "#1b2a40", "#20334f"],
    leaf: "#0d1117",
    ink: "#e6edf3",
    soft: "#9da7b3",
    line: "#8b949e",
    border: "#445267",
    active: "#1f6feb",
    onActive: "#ffffff",
  },
};

/** Draws a placed chart as SVG. */
export function drawChart(
  { width, height, states, edges, dots, pills }: PlacedChart,
  { title, active, theme }: {
    title: string;
    active: ReadonlySet<string>;
    theme: "light" | "dark" | "auto";
  },
): string {
  const [w, h] = [width, height].map(Math.ceil);
  const paperAt = (label: PlacedLabel) =>
    depthOf(
      states.filter(({ state, ...box }) => state.states.length > 0 && holds(box, label)).length,
    );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="statechart" viewBox="0 0 ${w} ${h}" ` +
    `width="${w}" height="${h}" role="img">`,
    `<title>${escapeMarkup(title)}</title>`,
    `<style>${styleOf(theme)}</style>`,
    `<defs><marker id="statechart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" ` +
    `markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0.5 8 4 0 7.5z"/></marker></defs>`,
    `<rect class="depth-0" width="${w}" height="${h}"/>`,
    ...states.map((placed) => drawState(placed, active.has(placed.state.id))),
    ...edges.map(drawEdge),
    ...dots.map(({ x, y }) => `<circle class="dot" cx="${round(x)}" cy="${round(y)}" r="${DOT}"/>`),
    ...pills.map((pill) => drawPill(pill, paperAt(pill))),
    ...edges.flatMap(({ label }) => label ? [drawLabel(label, paperAt(label))] : []),
    "</svg>",
    "",
  ].join("\n");
}

/** Whether the centre of a label is inside a box. */
function holds(
  box: Point & { width: number; height: number },
  { x, y, width, height }: PlacedLabel,
): boolean {
  const [across, down] = [x + width / 2 - box.x, y + height / 2 - box.y];
  return across > 0 && across < box.width && down > 0 && down < box.height;
}

function drawState(placed: PlacedState, active: boolean): string {
  const { state, x, y, width, height, details } = placed;
  const inner = state.states.length > 0;
  const kinds = ["state", state.kind, inner ? "parent" : "leaf"];
  const inset = { x: x + 3, y: y + 3, width: width - 6, height: height - 6 };
  return [
    `<g class="${[...kinds, ...active ? ["active"] : []].join(" ")}" ` +
    `data-state="${escapeMarkup(state.id)}">`,
    drawBox(inner ? `box ${depthOf(state.id.split(".").length)}` : "box", placed, 7),
    state.kind === "final" ? drawBox("ring", inset, 4) : "",
    drawText("name", state.key, x + 10, y + 19),
    ...details.map((line, index) =>
      drawText("detail", line, x + 10, y + 19 + TYPE.line * (index + 1))
    ),
    "</g>",
  ].join("");
}

function drawEdge({ from, to, points }: PlacedEdge): string {
  return `<path class="edge" data-from="${escapeMarkup(from)}" data-to="${escapeMarkup(to)}" ` +
    `d="${pathOf(points)}" marker-end="url(#statechart-arrow)"/>`;
}

function drawLabel(label: PlacedLabel, paper: string): string {
  const { x, y, width, height } = label;
  return drawBox(paper, { x: x - 3, y, width: width + 6, height }, 3) + drawLines(label, 0, 11);
}

/** Draws a label with a frame of its own. */
function drawPill(pill: PlacedLabel, paper: string): string {
  return drawBox(`pill ${paper}`, pill, 10) + drawLines(pill, 8, 14);
}

function drawLines({ x, y, lines }: PlacedLabel, left: number, top: number): string {
  return lines.map((line, index) => drawText("label", line, x + left, y + top + TYPE.line * index))
    .join("");
}

function drawText(kind: string, text: string, x: number, y: number): string {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" xml:space="preserve">` +
    `${escapeMarkup(text)}</text>`;
}

function drawBox(
  kind: string,
  { x, y, width, height }: Point & { width: number; height: number },
  radius: number,
): string {
  return `<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" ` +
    `height="${round(height)}" rx="${radius}"/>`;
}

/** The path of a line with rounded corners. */
function pathOf(points: readonly Point[]): string {
  const radius = 5;
  return points.map((at, index) => {
    if (index === 0) return `M${round(at.x)} ${round(at.y)}`;
    const next = points[index + 1];
    if (!next) return `L${round(at.x)} ${round(at.y)}`;
    const into = towards(at, points[index - 1], radius);
    const out = towards(at, next, radius);
    return `L${round(into.x)} ${round(into.y)}Q${round(at.x)} ${round(at.y)} ${round(out.x)} ${
      round(out.y)
    }`;
  }).join("");
}

/** The point at a distance from one point towards another, half-way at most. */
function towards(from: Point, to: Point, distance: number): Point {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const part = Math.min(0.5, distance / (Math.hypot(dx, dy) || 1));
  return { x: from.x + part * dx, y: from.y + part * dy };
}

/** Colours are written out, not given as CSS variables, which some viewers do not know. */
function styleOf(theme: "light" | "dark" | "auto"): string {
  const shapes =
    ".statechart .name{font:600 13px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}" +
    ".statechart .detail,.statechart .label{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas," +
    "'DejaVu Sans Mono',monospace}.statechart .edge{fill:none;stroke-width:1.2}" +
    ".statechart .active>.box{stroke-width:2}";
  if (theme !== "auto") return shapes + coloursOf(PALETTES[theme]);
  return `${shapes}${coloursOf(PALETTES.light)}@media(prefers-color-scheme:dark){${
    coloursOf(PALETTES.dark)
  }}`;
}

function coloursOf(palette: Palette): string {
  const { papers, leaf, ink, soft, line, border, active, onActive } = palette;
  return Object.entries({
    ".box": `fill:${leaf};stroke:${border}`,
    ...Object.fromEntries(papers.map((paper, depth) => [`.depth-${depth}`, `fill:${paper}`])),
    ".pill": `stroke:${line};stroke-dasharray:3 2`,
    ".ring": `fill:none;stroke:${border}`,
    ".name,.statechart .label": `fill:${ink}`,
    ".detail": `fill:${soft}`,
    ".edge": `stroke:${line}`,
    ".arrow,.statechart .dot": `fill:${line}`,
    ".active>.box": `stroke:${active}`,
    ".active.leaf>.box": `fill:${active}`,
    ".active.leaf>.ring": `stroke:${onActive}`,
    ".active.leaf>text": `fill:${onActive}`,
  }).map(([selector, rule]) => `.statechart ${selector}{${rule}}`).join("");
}

/** The class of the background at a depth. */
function depthOf(states: number): string {
  return `depth-${Math.min(states, PALETTES.light.papers.length - 1)}`;
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
