/**
 * The HTTP server and the streams of Node, which Deno and Bun have as well: import it only where a
 * server is started, because browsers do not have it.
 *
 * @module
 */
import type * as http from "node:http";
import type * as stream from "node:stream";
import { builtinModule } from "../host/host_process.ts";

export type { IncomingMessage, Server, ServerResponse } from "node:http";

const { Duplex: NodeDuplex } = builtinModule<typeof stream>("node:stream")!;

/** A stream that is read and written, such as a connection. */
export type Duplex = stream.Duplex;
/** The class of such streams. */
export const Duplex: typeof stream.Duplex = NodeDuplex;

/** Makes a server of HTTP. */
export const createServer: typeof http.createServer =
  builtinModule<typeof http>("node:http")!.createServer;
