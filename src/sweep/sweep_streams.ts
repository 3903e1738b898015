import { fileSystem } from "../host/files.ts";
import type { JetStreamClient, JetStreamManager, NatsConnection } from "../deps/nats.ts";
import { ignoreSocketErrors } from "./ignore_socket_errors.ts";
import { connectOptions, type NatsOptions } from "./nats_options.ts";
import { keyOf, type TrialJob } from "./job_record.ts";

/** The streams and subjects of one sweep on a NATS server. */
export interface SweepStreams {
  /** The connection to the server. */
  readonly connection: NatsConnection;
  /** Publishes and consumes messages. */
  readonly client: JetStreamClient;
  /** Manages streams and consumers. */
  readonly manager: JetStreamManager;
  /** Name of the stream of jobs; each job stays until a worker has acknowledged it. */
  readonly jobs: string;
  /** Name of the stream of records; all stay. */
  readonly records: string;
  /** Subject of the reports of running trials, which no stream keeps. */
  readonly reports: string;
  /** The largest message that the server accepts, in bytes. */
  readonly largest: number;
  /** The subject of a job, its record, or its current worker. Default: the subjects of all jobs. */
  subject(kind: "job" | "record" | "alive", job?: Pick<TrialJob, "trial" | "segment">): string;
}

/** The name of the durable consumer that all workers share. */
export const WORKERS = "workers";

/** Room for the headers of a message, in bytes. */
const HEADERS = 4096;

/** Pause before the next attempt to reach a server, in ms. */
const RECONNECT = 500;

/**
 * Connects to a server, and connects again whenever the connection is lost.
 *
 * @throws {Error} If the server does not answer, refuses the credentials, or has no JetStream.
 */
export async function openStreams(options: NatsOptions, id: string): Promise<SweepStreams> {
  const { connect, credsAuthenticator, jetstream, jetstreamManager, NodeTransport } = await import(
    "../deps/nats.ts"
  );
  ignoreSocketErrors(NodeTransport.prototype);
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
      `Cannot sweep as a NATS server must answer at ${servers}: ${error.message}. Start one with ` +
        '"nats-server -js"',
      { cause: error },
    );
  });
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await manager.getAccountInfo().catch(async (error) => {
    if (error.name !== "JetStreamNotEnabled") return; // the next request reports it
    await connection.close();
    throw new Error(
      `Cannot sweep as the NATS server at ${connection.getServer()} must have JetStream: ` +
        `${error.message}. Start it with "nats-server -js"`,
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
    largest: (connection.info?.max_payload ?? 2 ** 20) - HEADERS,
    subject: (kind, job) => `sweep.${id}.${kind}.${job ? keyOf(job) : ">"}`,
  };
}

async function readCredentials(path: string): Promise<Uint8Array> {
  try {
    return await fileSystem.readFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot sweep as credentials must be a file that can be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** The longest absence of a server, in ms. */
const PATIENCE = 10 * 60_000;

/**
 * Repeats a request until the server answers: it may be absent for a while, or starting.
 *
 * @throws {Error} If the server refuses the request, or is absent for too long.
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

/** Whether the server refuses the request, or the client does so itself: repeating it is useless. */
function isRefusal(error: unknown): boolean {
  const { status, name = "" } = error as { status?: number; name?: string };
  return (status !== undefined && status >= 400 && status < 500) || REFUSALS.includes(name);
}

const REFUSALS = [
  "PermissionViolationError",
  "ClosedConnectionError",
  "InvalidArgumentError",
  "InvalidNameError",
  "InvalidOperationError",
  "InvalidSubjectError",
];

/** Whether the server says that a stream, consumer or message does not exist. */
export function isNotFound(error: unknown): boolean {
  return (error as { status?: number }).status === 404;
}

/** Whether the sweep is not on the server: it has not begun, or has ended. */
export async function isGone({ manager, jobs }: SweepStreams): Promise<boolean> {
  try {
    await persist(() => manager.consumers.info(jobs, WORKERS));
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
