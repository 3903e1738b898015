import { assert, assertEquals } from "@std/assert";
import { difference, isMissing, type Job, launch, type Vendor } from "./distributed/launch.ts";
import type { Order } from "./distributed/worker.ts";

const VENDORS: Vendor[] = ["openmpi", "mpich"];

/** Registers a test once for each kind of MPI. */
function testOnMpi(name: string, test: (vendor: Vendor) => Promise<void>): void {
  for (const vendor of VENDORS) {
    Deno.test(`${name} [${vendor}]`, { ignore: isMissing(vendor) }, () => test(vendor));
  }
}

async function succeed(...args: Parameters<typeof launch>): Promise<Job> {
  const job = await launch(...args);
  assertEquals(job.code, 0, job.output);
  for (const answers of job.answers) for (const { tensors } of answers) assertEquals(tensors, 0);
  return job;
}

/** What each rank has of each order must be the same, to the bit. */
function assertSame({ answers: [first, ...others] }: Job): void {
  for (const other of others) {
    for (const [index, { rank: _, ...answer }] of other.entries()) {
      const { rank: _, ...expected } = first[index];
      assertEquals(answer, expected);
    }
  }
}

const STEPS: Order[] = (["mlp", "cnn"] as const).flatMap((model) =>
  (["sgd", "momentum", "adam"] as const).map((optimizer) => ({ model, optimizer, epochs: 20 }))
);
/** Of all ranks together. */
const JOINT = 32;
const together = new Map<string, Promise<Job>>();

/** One process on the batches of all. */
function alone(orders: Order[]): Promise<Job> {
  const key = JSON.stringify(orders);
  let job = together.get(key);
  if (!job) {
    job = succeed(undefined, 1, orders.map((order) => ({ ...order, batchSize: JOINT })));
    together.set(key, job);
  }
  return job;
}

for (const ranks of [2, 4]) {
  testOnMpi(
    `DataParallel on ${ranks} ranks trains as one process on the joint batch for 200 steps`,
    async (vendor) => {
      const [{ answers: [expected] }, job] = await Promise.all([
        alone(STEPS),
        succeed(vendor, ranks, STEPS.map((order) => ({ ...order, batchSize: JOINT / ranks }))),
      ]);
      assertSame(job);
      for (const [index, { weights, batches, losses }] of job.answers[0].entries()) {
        const name = JSON.stringify(STEPS[index]);
        assertEquals(batches.length, 200);
        const apart = difference(weights, expected[index].weights);
        assert(apart < 5e-6, `${name}: weights differ by ${apart}`);
        assert(difference(losses, expected[index].losses) < 5e-6, name);
      }
    },
  );
}
