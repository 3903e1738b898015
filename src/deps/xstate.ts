/**
 * XState, the statechart engine.
 *
 * @module
 */
export * from "npm:xstate@5.33.3";
