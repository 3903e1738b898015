import type {
  AnyActorRef,
  EventObject,
  MetaObject,
  NonReducibleUnknown,
  ParameterizedObject,
  ProvidedActor,
  StateMachine,
  StateSchema,
  StateValue,
} from "../deps/xstate.ts";
import { type ChartContext, type ChartEvent, learnerMachine as machine } from "./chart.ts";

/**
 * The machine that every run of a Learner follows. Its type says which context and events it has;
 * that of its states and actions would be pages long.
 */
export const learnerMachine: StateMachine<
  ChartContext,
  ChartEvent,
  Record<string, AnyActorRef | undefined>,
  ProvidedActor,
  ParameterizedObject,
  ParameterizedObject,
  string,
  StateValue,
  string,
  NonReducibleUnknown,
  NonReducibleUnknown,
  EventObject,
  MetaObject,
  StateSchema
> = machine as unknown as typeof learnerMachine;
