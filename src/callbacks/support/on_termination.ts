import { type EndSignal, hostProcess } from "../../host/host_process.ts";

/**
 * Listens for the first request to end the process, SIGINT or SIGTERM (on Windows, SIGINT only); a
 * second one ends it as usual. A browser has no such requests.
 *
 * @param heard Called with the signal.
 * @returns A function that ends the listening.
 */
export function onTermination(heard: (signal: EndSignal) => void): () => void {
  if (!hostProcess) return () => {};
  const { platform } = hostProcess;
  const names: EndSignal[] = platform === "win32" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    for (const [name, handler] of handlers.splice(0)) hostProcess!.off(name, handler);
  };
  const handlers = names.map((name) => {
    const handler = () => {
      stop();
      heard(name);
    };
    hostProcess!.on(name, handler);
    return [name, handler] as const;
  });
  return stop;
}
