import type { JetStreamClient, JetStreamManager, NatsConnection } from "../deps/nats.ts";
import { steadySockets } from "./ignore_socket_errors.ts";
import { connectOptions, type NatsOptions } from "./nats_options.ts";
import { type Job, keyOf } from "./job_record.ts";

/** What is behind one sweep's name on a NATS server. */
export interface SweepStreams {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** The stream of jobs: each stays until a worker has acknowledged it. */
  readonly jobs: string;
  /** The stream of records: all stay. */
  readonly records: string;
  /** Where reports of running trials go: no stream, but whoever listens. */
  readonly reports: string;
  /** The subject of a job, of its record, or of whoever does it now; of all of them, by default. */
  subject(kind: "job" | "record" | "alive", job?: Pick<Job, "trial" | "segment">): string;
}

/** The name of the durable consumer that all workers share. */
export const WORKERS = "workers";

/** How long to wait before trying again to reach a server, ms. */
const RECONNECT = 500;

/** Connects, and goes on doing so whenever the connection is lost. */
export async function openStreams(options: NatsOptions, id: string): Promise<SweepStreams> {
  const { connect, credsAuthenticator, jetstream, jetstreamManager, NodeTransport } = await import(
    "../deps/nats.ts"
  );
  steadySockets(NodeTransport.prototype);
  const { servers, ...rest } = connectOptions(options);
  const connection = await connect({
    servers,
    ...rest,
    ...options.credentials &&
      { authenticator: credsAuthenticator(await readCredentials(options.credentials)) },
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT,
  }).catch((error) => {
    throw new Error(
      `Cannot sweep as a NATS server must answer at ${servers}: ${error.message}; with ` +
        '"nats-server -js" one is started',
      { cause: error },
    );
  });
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await manager.getAccountInfo().catch(async (error) => {
    if (error.name !== "JetStreamNotEnabled") return; // what comes next tells it
    await connection.close();
    throw new Error(
      `Cannot sweep as the NATS server at ${connection.getServer()} must have JetStream: ` +
        `${error.message}; start it as "nats-server -js"`,
      { cause: error },
    );
  });
  return {
    connection,
    client: jetstream(connection),
    manager,
    jobs: `${id}-jobs`,
    records: `${id}-records`,
    reports: `sweep.${id}.report`,
    subject: (kind, job) => `sweep.${id}.${kind}.${job ? keyOf(job) : ">"}`,
  };
}

async function readCredentials(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot sweep as credentials must be a file that can be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** For how long a server may be away, ms. */
const PATIENCE = 10 * 60_000;

/**
 * Does something again until a server does it: it may be away for a while, or starting.
 *
 * @throws what it threw, if the server refuses, or is away for too long.
 */
export async function persist<T>(request: () => Promise<T>): Promise<T> {
  const began = performance.now();
  while (true) {
    try {
      return await request();
    } catch (error) {
      if (isRefusal(error) || performance.now() - began > PATIENCE) throw error;
      await new Promise((resolve) => setTimeout(resolve, RECONNECT));
    }
  }
}

/** Whether a server has understood, and says no. */
function isRefusal(error: unknown): boolean {
  const { status, name } = error as { status?: number; name?: string };
  return (status !== undefined && status >= 400 && status < 500) ||
    name === "PermissionViolationError" || name === "ClosedConnectionError";
}

/** Whether a server says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return (error as { status?: number }).status === 404;
}

/** Whether there is no such stream or consumer: the sweep has not begun, or is over. */
export async function isGone({ manager, jobs }: SweepStreams): Promise<boolean> {
  try {
    await persist(() => manager.consumers.info(jobs, WORKERS));
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
