/**
 * A machine with one of each feature of XState, for drawings.
 *
 * @module
 */
import { and, assign, createMachine, fromPromise, not, setup } from "../../src/deps/xstate.ts";

/** Has what the Learner's machine lacks: regions, history, delays, actors, self-loops. */
export const playerMachine = setup({
  types: { context: {} as { volume: number }, events: {} as { type: string } },
  guards: { loud: ({ context }) => context.volume > 5, muted: () => false },
  actions: { louder: assign({ volume: ({ context }) => context.volume + 1 }), beep: () => {} },
  actors: { load: fromPromise(async () => {}) },
  delays: { patience: 5000 },
}).createMachine({
  id: "player",
  context: { volume: 1 },
  initial: "loading",
  states: {
    loading: {
      invoke: { src: "load", id: "loader", onDone: "on.hist", onError: "broken <&>" },
      after: { patience: "broken <&>", 100: { actions: "beep" } },
    },
    "broken <&>": { always: [{ guard: not("muted"), target: "off" }], tags: "bad" },
    on: {
      type: "parallel",
      on: { stop: "off", "*": { actions: "beep" } },
      states: {
        sound: {
          initial: "quiet",
          states: {
            quiet: { on: { up: { target: "quiet", reenter: true, actions: "louder" } } },
            loud: {},
          },
          on: { scream: { guard: and(["loud", not("muted")]), target: ".loud" } },
        },
        picture: {
          initial: "still",
          states: {
            still: { on: { both: ["moving", "#player.on.sound.loud"] } },
            moving: { on: { out: "#player.on" } },
          },
        },
        hist: { type: "history", history: "deep" },
      },
    },
    off: { type: "final" },
  },
});

/** A machine with one state. */
export const stillMachine = createMachine({ id: "still" });
