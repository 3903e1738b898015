/**
 * The HTTP server and the streams of Node, which Deno and Bun have as well: import it only where a
 * server is started, because browsers do not have it.
 *
 * @module
 */
export { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
export { Duplex } from "node:stream";
