/**
 * The client of Stately's inspector: import it only once something is to be inspected.
 *
 * Its own types refer to those of XState and of browsers, so the little that is used is declared
 * here, together with what its WebSocket adapter keeps to itself.
 *
 * @module
 */
// @ts-types="./stately_inspect.d.ts"
export { createBrowserInspector, createWebSocketInspector } from "npm:@statelyai/inspect@0.7.2";
