/**
 * The relay of Stately's inspector, in a process of its own: it never ends by itself.
 *
 *     deno run -A tests/deps/stately_relay.ts PORT
 *
 * @module
 */
import { createInspectorServer } from "npm:@statelyai/inspect@0.7.2/server";

createInspectorServer({ port: Number(Deno.args[0]), autoOpen: false });
