import { type AnyLearner, type CallbackLike, nameOf } from "../learner/callback.ts";

/** A copy of a callback without its hooks. It keeps the state, so that checkpoints have it. */
export function withoutHooks(callback: CallbackLike): CallbackLike {
  return {
    name: nameOf(callback),
    priority: callback.priority,
    metricNames: callback.metricNames,
    ...callback.state && { state: () => callback.state!() },
    ...callback.restore &&
      { restore: (state: unknown, learner: AnyLearner) => callback.restore!(state, learner) },
  };
}

/** Whether the hooks of a callback run on rank 0 only, since it displays, saves or serves. */
export function isMainRankOnly({ mainRankOnly, writesFiles }: CallbackLike): boolean {
  return mainRankOnly ?? writesFiles ?? false;
}
