/**
 * WebSockets for servers on Deno, Node and Bun: import it only where a server is started.
 *
 * @module
 */
// @ts-types="./ws.d.ts"
export { WebSocketServer } from "npm:ws@8.23.0";
export type { WebSocketConnection } from "./ws.d.ts";
