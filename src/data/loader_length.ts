/** The number of batches in a loader, where it is known. */
export function loaderLength(loader: unknown): number | undefined {
  if (typeof loader !== "object" || loader === null) return;
  const { length, size } = loader as { length?: unknown; size?: unknown };
  for (const known of [length, size]) {
    if (typeof known === "number" && Number.isFinite(known)) return known;
  }
}
