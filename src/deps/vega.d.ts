/** A picture that can be drawn: what `parse` makes of a specification. */
export type Runtime = object;

/** Reads a specification. */
export function parse(specification: object): Runtime;

/** Draws. */
export class View {
  /** Draws nothing yet. */
  constructor(runtime: Runtime, options: { renderer: "none" });
  /** The picture as SVG. */
  toSVG(): Promise<string>;
  /** Frees what it holds. */
  finalize(): this;
}
