/** How much of the heap of JavaScript is in use, bytes; `null` where nobody tells. */
export function heapUsed(): number | null {
  if (typeof Deno !== "undefined") return Deno.memoryUsage().heapUsed;
  const { memory } = performance as { memory?: { usedJSHeapSize: number } };
  return memory?.usedJSHeapSize ?? null;
}
