/**
 * The sockets of Node.
 *
 * @module
 */
export type { Socket } from "node:net";
