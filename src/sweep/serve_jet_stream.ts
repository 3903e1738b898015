import { hostProcess } from "../host/host_process.ts";
import type { JsMsg } from "../deps/nats.ts";
import type { NatsOptions } from "./nats_options.ts";
import { fitRecord } from "./fit_record.ts";
import { isTrialJob, type JobRecord, lostJob, type TrialJob, type Verdict } from "./job_record.ts";
import { runJob, type TrialReport, type Work } from "./run_job.ts";
import { isGone, openStreams, persist, type SweepStreams, WORKERS } from "./sweep_streams.ts";

/** The data that a worker on a NATS server has. */
export interface JetStreamWork extends Work {
  /** The server. */
  readonly nats: NatsOptions;
  /** The name of the sweep on the server. */
  readonly id: string;
  /** Time without a sign of life after which another worker gets the job, in seconds. */
  readonly silence: number;
  /** Number of times that a job is begun if its workers die. */
  readonly attempts: number;
  /** Prints a line about the progress. */
  readonly say: (text: string) => void;
}

/** Time to wait for a job before asking again, and for an answer, in ms. */
const PULL = 2000;
const ANSWER = 5000;
/** Interval of looking for the sweep or a worker, in ms, and number of attempts. */
const GLANCE = 500;
const GLANCES = 6;

/** Does jobs until the sweep has ended. */
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

/** Does a job, unless it is done or in progress elsewhere. */
async function take(message: JsMsg, work: JetStreamWork, streams: SweepStreams): Promise<void> {
  const { connection, manager, records, subject } = streams;
  const job = parse(message);
  if (!isTrialJob(job)) {
    work.say(`message ${message.seq} of ${streams.jobs} is no job: it is removed`);
    return message.term();
  }
  const { deliveryCount } = message.info;
  const done = { last_by_subj: subject("record", job) };
  if (await persist(() => manager.streams.getMessage(records, done))) return message.ack();
  // A worker that was cut off for a while may still do the job, and answers if so.
  if (deliveryCount > 1 && await isAlive(job, streams)) return;

  const heart = setInterval(() => message.working(), work.silence * 1000 / 4);
  message.working();
  const alive = connection.subscribe(subject("alive", job), {
    callback: (_, question) => void question.respond(),
  });
  const giveBack = () => {
    message.nak();
    void connection.flush().finally(() => hostProcess!.exit(130));
  };
  hostProcess!.on("SIGINT", giveBack);
  try {
    work.say(`trial ${job.trial}: ${JSON.stringify(job.parameters)}`);
    const record = deliveryCount > work.attempts
      ? lostJob(job, `every worker died of it, at attempt ${work.attempts}`)
      : await runJob(job, work, (report) => judge(job, report, streams));
    work.say(`trial ${job.trial}: ${record.status}, ${record.value}`);
    await keep(record, job.rungs, streams);
    message.ack();
  } finally {
    hostProcess!.off("SIGINT", giveBack);
    clearInterval(heart);
    alive.unsubscribe();
  }
}

/** Asks the driver for a verdict. Without a driver, the trial pauses where it would be compared. */
async function judge(job: TrialJob, report: TrialReport, { connection, reports }: SweepStreams) {
  try {
    const question = JSON.stringify({ job, report });
    const answer = await connection.request(reports, question, { timeout: ANSWER });
    return answer.string() as Verdict;
  } catch {
    return report.atRung ? "pause" : "continue";
  }
}

/** Puts a record on the server; only the first record of a job is kept. */
async function keep(
  record: JobRecord,
  rungs: readonly number[],
  { client, subject, largest }: SweepStreams,
): Promise<void> {
  const expect = { lastSubjectSequence: 0 };
  const text = fitRecord(record, largest, rungs);
  try {
    await persist(() => client.publish(subject("record", record), text, { expect }));
  } catch (error) {
    if ((error as { code?: number }).code !== ANOTHER_WAS_FIRST) throw error;
  }
}

/** The code of a JetStream server for an expectation that is not met. */
const ANOTHER_WAS_FIRST = 10071;

function parse(message: JsMsg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}

async function isAlive(job: TrialJob, { connection, subject }: SweepStreams): Promise<boolean> {
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
