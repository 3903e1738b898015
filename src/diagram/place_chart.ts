import type { ElkBox, ElkNode, Point } from "../deps/elk.ts";
import type { ChartState } from "./chart_graph.ts";
import { detailsOf, dotOf, innerLinksOf, linksOf } from "./chart_links.ts";

/** Sizes of type, px. */
export const TYPE = { name: 13, detail: 11, line: 15 } as const;

/** The width of a character over the size of its type: monospaced, and of a heavy sans serif. */
const WIDTHS = { detail: 0.605, name: 0.66 } as const;

/** A box with text in it. */
export interface PlacedState extends Point {
  state: ChartState;
  width: number;
  height: number;
  details: readonly string[];
}

/** Text in a frame: what a line says, or what leads from a state into itself. */
export interface PlacedLabel extends Point {
  width: number;
  height: number;
  lines: readonly string[];
}

/** A line with text on it. */
export interface PlacedEdge {
  from: string;
  to: string;
  points: Point[];
  label?: PlacedLabel;
}

/** A drawing, in pixels. */
export interface PlacedChart {
  width: number;
  height: number;
  /** A state comes before what is in it. */
  states: PlacedState[];
  edges: PlacedEdge[];
  /** Where each initial state is pointed at from. */
  dots: Point[];
  /** What leads from a whole state to one inside it. */
  pills: PlacedLabel[];
}

const LAYOUT = {
  "elk.algorithm": "layered",
  // One with which the Learner's own chart is narrow enough for a page.
  "elk.randomSeed": "5",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.json.edgeCoords": "ROOT",
  "elk.json.shapeCoords": "ROOT",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.spacing.nodeNode": "18",
  "elk.spacing.edgeNode": "10",
  "elk.spacing.edgeEdge": "10",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.nodeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeNodeBetweenLayers": "10",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
};

/** A label stands in the middle of its line, which runs behind it. */
const ON_LINE = { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" };

/** Keeps the order of the machine where it has cycles: what leads back to a former state is drawn so. */
const AHEAD = { "elk.layered.priority.direction": "10" };

/** Radius of the dot that an initial state is pointed at from, px. */
export const DOT = 5;

/** Places a chart: the size of each box follows from its text. */
export async function placeChart(root: ChartState): Promise<PlacedChart> {
  const { layOut } = await import("../deps/elk.ts");
  const states = flatten(root);
  const links = states.flatMap(linksOf);
  const order = new Map(states.map(({ id }, index) => [id, index]));
  const placed = await layOut({
    id: "",
    layoutOptions: { ...LAYOUT, "elk.padding": "[top=1,left=1,bottom=1,right=1]" },
    children: [nodeOf(root)],
    edges: links.map(({ owner, from, to, lines }, index) => ({
      id: `edge ${index}`,
      sources: [from],
      targets: [to],
      labels: lines.length > 0
        ? [{ text: lines.join(), ...sizeOf(lines), layoutOptions: ON_LINE }]
        : [],
      layoutOptions: order.get(owner)! < order.get(to)! ? AHEAD : {},
    })),
  });
  const boxes = new Map<string, Required<ElkBox>>();
  collect(placed, boxes);
  const boxOf = (id: string) => {
    const { x, y, width, height } = boxes.get(id)!;
    return { x, y, width, height };
  };
  return {
    width: placed.width!,
    height: placed.height!,
    states: states.map((state) => ({ state, ...boxOf(state.id), details: detailsOf(state) })),
    edges: placed.edges!.map(({ sections, labels: [label] }, index) => {
      const { owner, to, lines } = links[index];
      const [{ startPoint, bendPoints = [], endPoint }] = sections!;
      return {
        from: owner,
        to,
        points: [startPoint, ...bendPoints, endPoint],
        ...label ? { label: { ...label as Required<ElkBox>, lines } } : {},
      };
    }),
    dots: states.flatMap(({ id, initial }) => initial ? [boxOf(dotOf(id))] : [])
      .map(({ x, y }) => ({ x: x + DOT, y: y + DOT })),
    pills: states.flatMap(innerLinksOf).map(({ from, lines }) => ({ ...boxOf(from), lines })),
  };
}

function nodeOf(state: ChartState): ElkNode {
  const { id, states, initial } = state;
  const text = textOf(state);
  if (states.length === 0) return { id, ...text };
  return {
    id,
    children: [
      ...initial ? [{ id: dotOf(id), width: 2 * DOT, height: 2 * DOT }] : [],
      ...innerLinksOf(state).map(({ from, lines }) => {
        const { width, height } = sizeOf(lines);
        return { id: from, width: width + 16, height: height + 6 };
      }),
      ...states.map(nodeOf),
    ],
    layoutOptions: {
      ...LAYOUT,
      "elk.padding": `[top=${text.height + 8},left=12,bottom=12,right=12]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${text.width},${text.height})`,
    },
  };
}

function textOf(state: ChartState): { width: number; height: number } {
  const name = state.key.length * TYPE.name * WIDTHS.name;
  const details = sizeOf(detailsOf(state));
  return { width: Math.max(name, details.width) + 20, height: details.height + TYPE.line + 14 };
}

function sizeOf(lines: readonly string[]): { width: number; height: number } {
  const longest = Math.max(0, ...lines.map(({ length }) => length));
  return { width: longest * TYPE.detail * WIDTHS.detail, height: lines.length * TYPE.line };
}

function flatten(state: ChartState): ChartState[] {
  return [state, ...state.states.flatMap(flatten)];
}

function collect(node: ElkNode, boxes: Map<string, Required<ElkBox>>): void {
  boxes.set(node.id, node as Required<ElkBox>);
  node.children?.forEach((child) => collect(child, boxes));
}
