/** Permissions that a test needs to start processes. */
const needed = ["run", "net", "read", "write", "env", "sys"] as const;
const allowed = needed.every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** Whether a process can be started here at all. */
export const canRun = allowed;
/** Whether there is a NATS server to start. */
export const hasServer = allowed && installed();

function installed(): boolean {
  try {
    return new Deno.Command("nats-server", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** A real server on its own port, which keeps the data of JetStream when it is restarted. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string = Deno.makeTempDirSync({ prefix: "nats-" });
  readonly #options: readonly string[];
  readonly #jetStream: boolean;
  #process: Deno.ChildProcess | undefined;

  private constructor(options: readonly string[], jetStream: boolean) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = listener.addr.port;
    listener.close();
    this.#options = options;
    this.#jetStream = jetStream;
  }

  /** Starts a server. */
  static async start(
    options: readonly string[] = [],
    { jetStream = true } = {},
  ): Promise<NatsServer> {
    const server = new NatsServer(options, jetStream);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = ["-a", "127.0.0.1", "-p", `${this.port}`];
    if (this.#jetStream) args.push("-js", "-sd", this.#folder);
    this.#process = new Deno.Command("nats-server", {
      args: [...args, ...this.#options],
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0; tries < 100; tries++) {
      try {
        using _connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error("nats-server does not listen");
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    running?.kill("SIGTERM");
    await running?.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
