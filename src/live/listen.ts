import type { Server } from "../deps/node_http.ts";
import { type Listener, listenInDeno } from "./listen_in_deno.ts";

/** Maximum number of connections that wait to be accepted. */
const BACKLOG = 16;
/** The ports that any program may use (RFC 6335). */
const DYNAMIC_PORTS = { first: 49_152, count: 16_384 };

/**
 * Listens for connections.
 *
 * Node and Bun bind a port after this function has returned: there, port 0 means a random port, and
 * a server whose port is taken emits an error.
 *
 * @param hostname The address.
 * @param port The port; 0: any free port.
 * @throws {Error} If the port is taken or the permission is missing, on Deno.
 */
export function listen(hostname: string, port: number): Listener {
  if (typeof Deno !== "undefined") return listenInDeno(hostname, port);
  const bound = port || DYNAMIC_PORTS.first + Math.floor(Math.random() * DYNAMIC_PORTS.count);
  let server: Server | undefined;
  return {
    port: bound,
    serve(given) {
      server = given;
      server.listen({ host: hostname, port: bound, backlog: BACKLOG });
    },
    close: () => void server?.close(),
  };
}
