/** A relay in a process of its own. */
export interface RelayProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a relay; clients retry until it listens. */
export function startRelay(): RelayProcess {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const relay = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-lock", "tests/deps/stately_relay.ts", String(port)],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    url: `ws://localhost:${port}`,
    async stop() {
      relay.kill();
      await relay.status;
    },
  };
}

/** Connects to a relay once it listens, and keeps all messages. */
export async function listenTo<Message>(
  url: string,
): Promise<{ messages: Message[]; leave(): Promise<void> }> {
  for (let attempt = 0;; attempt++) {
    const socket = new WebSocket(url);
    const messages: Message[] = [];
    socket.onmessage = ({ data }) => messages.push(JSON.parse(data));
    const left = new Promise((resolve) => socket.onclose = resolve);
    const opened = await new Promise((resolve) => {
      socket.onopen = () => resolve(true);
      socket.onerror = () => resolve(false);
    });
    if (opened) return { messages, leave: async () => (socket.close(), void await left) };
    await left;
    if (attempt > 100) throw new Error("there is no relay");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
