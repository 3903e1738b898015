import type { Socket } from "../deps/node_net.ts";

type Opening = "dial" | "startTLS" | "tlsFirst";
type Transport = Record<Opening, (...args: unknown[]) => Promise<Socket>>;

const steadied = new WeakSet<object>();

/**
 * Keeps the sockets of the NATS client from ending the process.
 *
 * A server that refuses somebody says so and resets the connection. The client reads what it says,
 * and listens to the socket no more; Deno then emits the reset as an error that nobody hears, which
 * would end the process before the client has told anybody why.
 *
 * @param prototype What opens the client's sockets.
 */
export function steadySockets(prototype: object): void {
  if (steadied.has(prototype)) return;
  steadied.add(prototype);
  const transport = prototype as Transport;
  for (const opening of ["dial", "startTLS", "tlsFirst"] as const) {
    const open = transport[opening];
    transport[opening] = async function (...args) {
      return steady(await open.apply(this, args));
    };
  }
}

/** A socket whose errors are always heard. */
function steady(socket: Socket): Socket {
  const remove = socket.removeAllListeners;
  // No argument means all events, `undefined` none: the client's own must really go.
  socket.removeAllListeners = function (...events) {
    remove.apply(this, events);
    return this.on("error", () => {});
  };
  return socket.on("error", () => {});
}
