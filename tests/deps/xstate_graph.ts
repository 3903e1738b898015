/**
 * XState's graph utilities: every state that a machine can reach, and a path to each.
 *
 * @module
 */
export { getAdjacencyMap, getShortestPaths } from "npm:xstate@5.33.3/graph";
