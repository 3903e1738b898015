import type { Duplex, Server } from "../deps/node_http.ts";

/** Delay before the next connection is accepted, in ms: Deno closes the previous ones meanwhile. */
const DELAY = 10;
/** Size of a piece of data, in bytes. */
const CHUNK = 4096;

/** A port on which connections arrive. */
export interface Listener {
  readonly port: number;
  /** Passes connections to a server, until the listener is closed. */
  serve(server: Server): void;
  /** Stops listening; connections stay open. */
  close(): void;
}

/**
 * Accepts connections one by one. When the process has run out of file descriptors, Deno's own
 * servers throw or stop listening; this one tries again.
 *
 * @throws {Error} If the port is taken, or the permission is missing.
 */
export function listenInDeno(hostname: string, port: number): Listener {
  const listener = Deno.listen({ hostname, port });
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    port: listener.addr.port,
    serve: (server) => void acceptAll(server),
    close() {
      closed = true;
      clearTimeout(timer);
      listener.close();
    },
  };

  async function acceptAll(server: Server): Promise<void> {
    const { Duplex } = await import("../deps/node_http.ts");
    while (!closed) {
      try {
        server.emit("connection", streamOf(await listener.accept(), Duplex));
      } catch {
        // The listener is closed, or the process has no file descriptor left.
      }
      if (!closed) await new Promise<void>((resolve) => timer = setTimeout(resolve, DELAY));
    }
  }
}

/** A connection as a stream of Node. */
function streamOf(connection: Deno.TcpConn, Stream: typeof Duplex): Duplex {
  const stream: Duplex = new Stream({
    read() {
      const chunk = new Uint8Array(CHUNK);
      connection.read(chunk).then(
        (size) => stream.push(size === null ? null : chunk.subarray(0, size)),
        (error) => stream.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(connection, chunk).then(() => done(), done);
    },
    final(done) {
      connection.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
      done(error);
    },
  });
  return stream;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
