/** Takes inspection events to the inspector. */
export interface EventChannel {
  /** Sends what it still has, and disconnects. */
  close(): Promise<void>;
}

/** Callbacks of an {@linkcode EventChannel}. */
export interface ChannelEvents {
  /** The channel is connected: `observer` takes events from now on. */
  opened(observer: { next(event: unknown): void }): void;
  /** The channel has lost its connection. */
  lost(): void;
}
