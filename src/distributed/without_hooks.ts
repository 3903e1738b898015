import { type AnyLearner, type CallbackLike, nameOf } from "../learner/callback.ts";

/**
 * The same callback without its hooks: what it remembers stays in checkpoints, since that is the
 * same everywhere.
 */
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

/** Whether a callback shows, saves or serves. */
export function isMainRankOnly({ mainRankOnly, writesFiles }: CallbackLike): boolean {
  return mainRankOnly ?? writesFiles ?? false;
}
