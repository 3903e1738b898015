import type { ElkBox, ElkNode, Point } from "../deps/elk.ts";
import type { ChartState } from "./chart_graph.ts";
import { detailsOf, dotOf, innerLinksOf, linksOf } from "./chart_links.ts";

/** Font sizes and line height, in px. */
export const TYPE = { name: 13, detail: 11, line: 15 } as const;

/** Mean width of a character over the font size: of the monospaced font, and of the bold one. */
const WIDTHS = { detail: 0.605, name: 0.66 } as const;

/** The box of a state. */
export interface PlacedState extends Point {
  state: ChartState;
  width: number;
  height: number;
  details: readonly string[];
}

/** The box of a text: the label of a line, or a pill. */
export interface PlacedLabel extends Point {
  width: number;
  height: number;
  lines: readonly string[];
}

/** A line with its label. */
export interface PlacedEdge {
  from: string;
  to: string;
  points: Point[];
  label?: PlacedLabel;
}

/** A placed chart, in px. */
export interface PlacedChart {
  width: number;
  height: number;
  /** The states; each comes before the states inside it. */
  states: PlacedState[];
  edges: PlacedEdge[];
  /** Centre of the dot that points to each initial state. */
  dots: Point[];
  /** Pills at which lines from a state to one inside it begin. */
  pills: PlacedLabel[];
}

const LAYOUT = {
  "elk.algorithm": "layered",
  // A seed with which the Learner's chart is narrow enough for a page.
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

/** A label is in the middle of its line, which runs behind it. */
const ON_LINE = { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" };

/** Keeps the order of the machine in cycles: lines to earlier states point back. */
const AHEAD = { "elk.layered.priority.direction": "10" };

/** Radius of the dot that points to an initial state, in px. */
export const DOT = 5;

/** Places a chart; the size of each box follows from its text. */
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
