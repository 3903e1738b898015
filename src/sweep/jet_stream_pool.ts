import { Crew, type CrewOptions } from "./worker_crew.ts";
import type { Pool } from "./pool.ts";
import { type Job, type JobRecord, keyOf, type Verdict } from "./job_record.ts";
import type { Report } from "./run_job.ts";
import type { NatsOptions } from "./nats_options.ts";
import { isNotFound, openStreams, persist, type SweepStreams, WORKERS } from "./sweep_streams.ts";

/** Where workers find their jobs. */
export interface JetStreamPoolOptions extends CrewOptions {
  readonly nats: NatsOptions;
  /** The name of the sweep on the server. */
  readonly id: string;
  /** After how long a job is given to another worker if nothing was heard, seconds. */
  readonly silence: number;
}

/** How often to look for new records, ms. */
const GLANCE = 100;

/** Does jobs on any number of machines, through the streams of a NATS server. */
export function jetStreamPool(options: JetStreamPoolOptions): Pool {
  return async (events) => {
    const streams = await openStreams(options.nats, options.id);
    const { connection, manager, client, jobs, records, reports, subject } = streams;
    const crew = new Crew(options);
    try {
      await prepare(streams, options.silence);
      connection.subscribe(reports, {
        callback: (error, message) => {
          if (error) return;
          const { job, report } = message.json<{ job: Job; report: Report }>();
          const verdict: Verdict = events.reported(job, { ...report, value: report.value ?? NaN });
          message.respond(verdict);
        },
      });
      // First what is yet to be done, then what has been: a job is in one of them at any time.
      const published = await outstanding(streams);
      crew.begin();
      for (let next = 1; !events.done();) {
        if (crew.failure) throw crew.failure;
        const message = await persist(() => manager.streams.getMessage(records, { seq: next }));
        if (message) {
          next++;
          await events.ended(message.json<JobRecord>());
          continue;
        }
        for (const job of events.jobs()) {
          const msgID = keyOf(job);
          if (published.has(msgID)) continue;
          // The same message twice is one message: it is safe to repeat what may have arrived.
          await persist(() => client.publish(subject("job", job), JSON.stringify(job), { msgID }));
          published.add(msgID);
        }
        await new Promise((resolve) => setTimeout(resolve, GLANCE));
      }
      for (const stream of [jobs, records]) {
        // Another driver of the same sweep may have been first.
        await persist(() => manager.streams.delete(stream)).catch(unlessGone);
      }
    } catch (error) {
      throw isNotFound(error) ? gone(options.id, error) : error;
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

function gone(id: string, cause: unknown): Error {
  return new Error(
    `Cannot go on with the sweep as ${id} must be on the server: it is gone. Another driver of ` +
      "the same sweep may have ended it, and has the results",
    { cause },
  );
}

/** The keys of all jobs that no worker has acknowledged. */
async function outstanding({ manager, jobs }: SweepStreams): Promise<Set<string>> {
  const { state } = await persist(() => manager.streams.info(jobs, { subjects_filter: ">" }));
  const subjects = Object.keys(state.subjects ?? {});
  return new Set(subjects.map((subject) => subject.split(".").slice(-2).join(".")));
}
