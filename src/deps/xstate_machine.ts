/**
 * The type of a machine of XState, apart from XState itself: its many types stay out of the
 * documentation this way.
 *
 * @module
 */
// deno-lint-ignore verbatim-module-syntax -- `import type` would make `deno doc --lint` ask for every type of XState
import * as xstate from "npm:xstate@5.33.3";

/**
 * A machine of XState 5, for `createActor()` and `@xstate/graph`.
 *
 * @category Statechart
 */
export type Machine<Context extends xstate.MachineContext, Event extends xstate.AnyEventObject> =
  xstate.StateMachine<
    Context,
    Event,
    Record<string, xstate.AnyActorRef | undefined>,
    xstate.ProvidedActor,
    xstate.ParameterizedObject,
    xstate.ParameterizedObject,
    string,
    xstate.StateValue,
    string,
    xstate.NonReducibleUnknown,
    xstate.NonReducibleUnknown,
    xstate.EventObject,
    xstate.MetaObject,
    xstate.StateSchema
  >;
