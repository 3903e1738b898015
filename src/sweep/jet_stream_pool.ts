import type { Pool } from "./in_process_pool.ts";
import { cut } from "./fit_record.ts";
import {
  isTrialJob,
  type JobRecord,
  keyOf,
  problemOfRecord,
  type TrialJob,
  type Verdict,
} from "./job_record.ts";
import type { TrialReport } from "./run_job.ts";
import { WorkerCrew, type WorkerCrewOptions } from "./worker_crew.ts";
import type { NatsOptions } from "./nats_options.ts";
import { isNotFound, openStreams, persist, type SweepStreams, WORKERS } from "./sweep_streams.ts";

/** Options of {@linkcode jetStreamPool}. */
export interface JetStreamPoolOptions extends WorkerCrewOptions {
  /** The server. */
  readonly nats: NatsOptions;
  /** The name of the sweep on the server. */
  readonly id: string;
  /** Time without a sign of life after which another worker gets the job, in seconds. */
  readonly silence: number;
}

/** Number of jobs that wait for workers if jobs are drawn as late as possible. */
const SPARE = 1;

/** Interval in which to look for new records, in ms. */
const GLANCE = 100;

/**
 * Does jobs on any number of machines, through the streams of a NATS server.
 *
 * @throws {Error} If the server cannot be reached, a worker cannot be started, or another driver of
 *   the same sweep has ended it.
 */
export function jetStreamPool(options: JetStreamPoolOptions): Pool {
  return async (events) => {
    const streams = await openStreams(options.nats, options.id);
    const { connection, manager, client, jobs, records, reports, subject, largest } = streams;
    const crew = new WorkerCrew(options);
    try {
      await prepare(streams, options.silence);
      connection.subscribe(reports, {
        callback: (error, message) => {
          if (error) return;
          const { job, report } = message.json<{ job: TrialJob; report: TrialReport }>();
          if (!isTrialJob(job) || typeof report?.epochs !== "number") return;
          const verdict: Verdict = events.reported(job, { ...report, value: report.value ?? NaN });
          message.respond(verdict);
        },
      });
      // Open jobs first, then records: at any time, a job is in one of the two streams.
      const published = await outstanding(streams);
      crew.begin();
      for (let next = 1; !events.done();) {
        if (crew.failure) throw crew.failure;
        const message = await persist(() => manager.streams.getMessage(records, { seq: next }));
        if (message) {
          next++;
          const text = message.string();
          const record = parse(text);
          const problem = problemOfRecord(record);
          if (problem) throw foreign(records, message.seq, `${cut(text, 80)} (${problem})`);
          await events.ended(record as JobRecord);
          continue;
        }
        const { num_ack_pending } = await persist(() => manager.consumers.info(jobs, WORKERS));
        for (const job of events.jobs(num_ack_pending + SPARE)) {
          const msgID = keyOf(job);
          if (published.has(msgID)) continue;
          const text = JSON.stringify(job);
          if (text.length > largest) throw tooLarge(job, text.length, largest);
          // The server ignores a message that it already has: it is safe to send it again.
          await persist(() => client.publish(subject("job", job), text, { msgID }));
          published.add(msgID);
        }
        await new Promise((resolve) => setTimeout(resolve, GLANCE));
      }
      for (const stream of [jobs, records]) {
        // Another driver of the same sweep may have deleted it.
        await persist(() => manager.streams.delete(stream)).catch(unlessGone);
      }
    } catch (error) {
      throw isNotFound(error) ? ended(options.id, error) : error;
    } finally {
      await crew.end();
      await connection.close();
    }
  };
}

async function prepare(streams: SweepStreams, silence: number): Promise<void> {
  const { AckPolicy, RetentionPolicy } = await import("../deps/nats.ts");
  const { manager, jobs, records, subject } = streams;
  await persist(async () => {
    const retention = RetentionPolicy.Workqueue;
    await manager.streams.add({ name: jobs, subjects: [subject("job")], retention });
    await manager.streams.add({ name: records, subjects: [subject("record")] });
    await manager.consumers.add(jobs, {
      durable_name: WORKERS,
      ack_policy: AckPolicy.Explicit,
      ack_wait: silence * 1e9,
      max_ack_pending: -1,
    });
  });
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function ended(id: string, cause: unknown): Error {
  return new Error(
    `Cannot continue the sweep: ${id} is no longer on the server. Another driver of the same ` +
      "sweep may have ended it, and has the results",
    { cause },
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function foreign(stream: string, number: number, text: string): Error {
  return new Error(
    `Cannot continue the sweep as every message of ${stream} must be the record of a trial: ` +
      `message ${number} is ${text}`,
  );
}

function tooLarge({ trial }: TrialJob, size: number, largest: number): RangeError {
  return new RangeError(
    `Cannot sweep as the parameters of a trial must fit into a message of the server, ${largest} ` +
      `bytes: those of trial ${trial} have ${size}`,
  );
}

/** The keys of all jobs that were published and not acknowledged. */
async function outstanding({ manager, jobs }: SweepStreams): Promise<Set<string>> {
  const { state } = await persist(() => manager.streams.info(jobs, { subjects_filter: ">" }));
  const subjects = Object.keys(state.subjects ?? {});
  return new Set(subjects.map((subject) => subject.split(".").slice(-2).join(".")));
}
