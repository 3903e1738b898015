/**
 * Trainchart.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";
export {
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  selectBackend,
} from "./src/backend/select_backend.ts";
