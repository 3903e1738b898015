/**
 * The Eclipse Layout Kernel, which places the boxes and the lines of a drawing. It is large: import
 * it only once something is to be drawn.
 *
 * @module
 */
import ELK from "npm:elkjs@0.12.1/lib/elk.bundled.js";

/** A point, in pixels from the upper left corner of the drawing. */
export interface Point {
  x: number;
  y: number;
}

/** A box to place. */
export interface ElkBox extends Partial<Point> {
  id?: string;
  width?: number;
  height?: number;
  layoutOptions?: Record<string, string>;
}

/** A line from box to box, by their ids. */
export interface ElkEdge {
  id: string;
  sources: string[];
  targets: string[];
  labels: (ElkBox & { text: string })[];
  layoutOptions?: Record<string, string>;
  sections?: { startPoint: Point; endPoint: Point; bendPoints?: Point[] }[];
}

/** A box, what is in it, and the lines between what is in it. */
export interface ElkNode extends ElkBox {
  id: string;
  children?: ElkNode[];
  edges?: ElkEdge[];
}

const elk = new (ELK as unknown as new () => { layout(graph: ElkNode): Promise<ElkNode> })();

/** Places everything: fills in `x`, `y`, `width`, `height` and the sections of the edges. */
export const layOut = (graph: ElkNode): Promise<ElkNode> => elk.layout(graph);
