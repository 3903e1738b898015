/**
 * XState, the statechart engine.
 *
 * @module
 */
import type * as xstate from "npm:xstate@5.33.3";

export * from "npm:xstate@5.33.3";

/** A machine of XState 5, for `createActor()` and `@xstate/graph`. */
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
