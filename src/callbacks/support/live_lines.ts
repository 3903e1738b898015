/** A line that is drawn over and over. */
export interface LiveLine {
  /** Removes the line, so that other text can take its place. */
  hide(): void;
  /** Draws it again. */
  show(): void;
}

const METHODS = ["log", "info", "debug", "warn", "error"] as const;

type Write = (...values: unknown[]) => void;

const drawn = new Set<LiveLine>();
const originals = new Map<typeof METHODS[number], { original: Write; ours: Write }>();

/**
 * A live line is on the screen now: until {@linkcode removeLiveLine}, text of the console is
 * written above it. Otherwise the text would end up behind the line, and be wiped out with it.
 */
export function addLiveLine(line: LiveLine): void {
  if (drawn.size === 0) METHODS.forEach(wrap);
  drawn.add(line);
}

/** A live line is no longer on the screen. */
export function removeLiveLine(line: LiveLine): void {
  if (drawn.delete(line) && drawn.size === 0) METHODS.forEach(unwrap);
}

function wrap(method: typeof METHODS[number]): void {
  if (originals.get(method)?.ours === console[method]) return;
  const original: Write = console[method];
  const ours: Write = (...values) => {
    for (const line of drawn) line.hide();
    original.apply(console, values);
    for (const line of drawn) line.show();
  };
  originals.set(method, { original, ours });
  console[method] = ours;
}

/** Where another program has wrapped the method meanwhile, ours stays: it only passes on. */
function unwrap(method: typeof METHODS[number]): void {
  const { original, ours } = originals.get(method)!;
  if (console[method] !== ours) return;
  console[method] = original;
  originals.delete(method);
}
