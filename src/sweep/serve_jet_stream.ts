import type { JsMsg } from "../deps/nats.ts";
import type { NatsOptions } from "./nats_options.ts";
import { type Job, type JobRecord, lostJob, type Verdict } from "./job_record.ts";
import { type Report, runJob, type Work } from "./run_job.ts";
import { isGone, openStreams, persist, type SweepStreams, WORKERS } from "./sweep_streams.ts";

/** What a worker on a NATS server has to know. */
export interface JetStreamWork extends Work {
  readonly nats: NatsOptions;
  /** The name of the sweep on the server. */
  readonly id: string;
  /** After how long a job is given to another worker if nothing was heard, seconds. */
  readonly silence: number;
  /** How often a job is begun whose worker dies. */
  readonly attempts: number;
  /** Tells what happens. */
  readonly say: (text: string) => void;
}

/** For how long to wait for a job before asking again, and for an answer, ms. */
const PULL = 2000;
const ANSWER = 5000;
/** How often, and how many times, to look for the sweep or for a worker, ms. */
const GLANCE = 500;
const GLANCES = 6;

/** Works until the sweep is over. */
export async function serveJetStream(work: JetStreamWork): Promise<void> {
  const streams = await openStreams(work.nats, work.id);
  const { connection, client, jobs } = streams;
  try {
    if (await isGone(streams)) {
      work.say("waiting for the sweep to begin");
      while (await isGone(streams)) await pause();
    }
    const consumer = await persist(() => client.consumers.get(jobs, WORKERS));
    while (true) {
      const message = await consumer.next({ expires: PULL }).catch(pause);
      if (message) await take(message, work, streams);
      else if (await isGone(streams)) return;
    }
  } finally {
    await connection.close();
  }
}

/** Does a job, unless it is done, or being done. */
async function take(message: JsMsg, work: JetStreamWork, streams: SweepStreams): Promise<void> {
  const { connection, manager, records, subject } = streams;
  const job = message.json<Job>();
  const { deliveryCount } = message.info;
  const done = { last_by_subj: subject("record", job) };
  if (await persist(() => manager.streams.getMessage(records, done))) return message.ack();
  // Somebody who was cut off for a while still has it, and will say so as long as that is true.
  if (deliveryCount > 1 && await isAlive(job, streams)) return;

  const heart = setInterval(() => message.working(), work.silence * 1000 / 4);
  message.working();
  const alive = connection.subscribe(subject("alive", job), {
    callback: (_, question) => void question.respond(),
  });
  const giveBack = () => {
    message.nak();
    void connection.flush().finally(() => Deno.exit(130));
  };
  Deno.addSignalListener("SIGINT", giveBack);
  try {
    work.say(`trial ${job.trial}: ${JSON.stringify(job.parameters)}`);
    const record = deliveryCount > work.attempts
      ? lostJob(job, `no worker lived to its end, at attempt ${work.attempts}`)
      : await runJob(job, work, (report) => judge(job, report, streams));
    work.say(`trial ${job.trial}: ${record.status}, ${record.value}`);
    await keep(record, streams);
    message.ack();
  } finally {
    Deno.removeSignalListener("SIGINT", giveBack);
    clearInterval(heart);
    alive.unsubscribe();
  }
}

/** Asks the driver what to do; where there is none, as far as it is sure. */
async function judge(job: Job, report: Report, { connection, reports }: SweepStreams) {
  try {
    const question = JSON.stringify({ job, report });
    const answer = await connection.request(reports, question, { timeout: ANSWER });
    return answer.string() as Verdict;
  } catch {
    return report.atRung ? "pause" : "continue";
  }
}

/** Puts a record on the server; only the first one of a job counts. */
async function keep(record: JobRecord, { client, subject }: SweepStreams): Promise<void> {
  const expect = { lastSubjectSequence: 0 };
  try {
    await persist(() =>
      client.publish(subject("record", record), JSON.stringify(record), { expect })
    );
  } catch (error) {
    if ((error as { code?: number }).code !== ANOTHER_WAS_FIRST) throw error;
  }
}

/** The code of a JetStream server for an expectation that was not met. */
const ANOTHER_WAS_FIRST = 10071;

async function isAlive(job: Job, { connection, subject }: SweepStreams): Promise<boolean> {
  for (let glance = 0; glance < GLANCES; glance++) {
    try {
      await connection.request(subject("alive", job), "", { timeout: GLANCE });
      return true;
    } catch {
      await pause();
    }
  }
  return false;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, GLANCE));
}
