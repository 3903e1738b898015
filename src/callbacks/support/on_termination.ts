/**
 * Listens for the first request to end the process, SIGINT or SIGTERM (on Windows, SIGINT only); a
 * second one ends it as usual.
 *
 * @param heard Called with the signal.
 * @returns A function that ends the listening.
 */
export function onTermination(heard: (signal: Deno.Signal) => void): () => void {
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    for (const [name, handler] of handlers.splice(0)) Deno.removeSignalListener(name, handler);
  };
  const handlers = names.map((name) => {
    const handler = () => {
      stop();
      heard(name);
    };
    Deno.addSignalListener(name, handler);
    return [name, handler] as const;
  });
  return stop;
}
