/**
 * Trainchart.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";

// Random numbers without hidden state
export { keyedRandom } from "./src/data/keyed_random.ts";
export { mixKey } from "./src/data/mix_key.ts";
export { permutation } from "./src/data/permutation.ts";
