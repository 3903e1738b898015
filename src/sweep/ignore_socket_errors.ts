import type { Socket } from "../deps/node_net.ts";

type Opening = "dial" | "startTLS" | "tlsFirst";
type Transport = Record<Opening, (...args: unknown[]) => Promise<Socket>>;

const PATCHED = new WeakSet<object>();

/**
 * Keeps errors of the NATS client's sockets from ending the process.
 *
 * A server that refuses a connection sends the reason and resets the socket. The client reads the
 * reason and removes its listeners. Deno then emits the reset as an unhandled error, which would end
 * the process before the client reports the reason.
 *
 * @param prototype The prototype of the client's transport.
 */
export function ignoreSocketErrors(prototype: object): void {
  if (PATCHED.has(prototype)) return;
  PATCHED.add(prototype);
  const transport = prototype as Transport;
  for (const opening of ["dial", "startTLS", "tlsFirst"] as const) {
    const open = transport[opening];
    transport[opening] = async function (...args) {
      return withErrorListener(await open.apply(this, args));
    };
  }
}

/** A socket that always has a listener for errors. */
function withErrorListener(socket: Socket): Socket {
  const remove = socket.removeAllListeners;
  // The arguments are passed on as they are: none means all events, `undefined` means no event.
  socket.removeAllListeners = function (...events) {
    remove.apply(this, events);
    return this.on("error", () => {});
  };
  return socket.on("error", () => {});
}
