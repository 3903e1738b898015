import { assert, assertEquals, assertLess } from "@std/assert";
import { NATIVES } from "../fixtures/native.ts";
import { difference, isMissing, type JobResult, launch, type Vendor } from "./launch.ts";
import type { Answer, Order } from "./worker.ts";

const VENDORS: Vendor[] = ["openmpi", "mpich"];

/** Registers a test once for each kind of MPI. */
function testOnMpi(name: string, test: (vendor: Vendor) => Promise<void>): void {
  for (const vendor of VENDORS) {
    Deno.test(`${name} [${vendor}]`, { ignore: isMissing(vendor) }, () => test(vendor));
  }
}

async function succeed(...args: Parameters<typeof launch>): Promise<JobResult> {
  const job = await launch(...args);
  assertEquals(job.code, 0, job.output);
  for (const answers of job.answers) for (const { tensors } of answers) assertEquals(tensors, 0);
  return job;
}

const bits = ({ weights, losses }: Answer) => ({ weights, losses });

/** All ranks must have the same answers, to the bit, apart from times. */
function assertSame({ answers: [first, ...others] }: JobResult): void {
  const same = ({ rank: _rank, gap: _gap, ...answer }: Answer) => answer;
  for (const other of others) assertEquals(other.map(same), first.map(same));
}

const STEPS: Order[] = (["mlp", "cnn"] as const).flatMap((model) =>
  (["sgd", "momentum", "adam"] as const).map((optimizer) => ({ model, optimizer, epochs: 20 }))
);
/** Batch size of all ranks together. */
const JOINT = 32;
const together = new Map<string, Promise<JobResult>>();

/** One process on the joint batches. */
function alone(orders: Order[]): Promise<JobResult> {
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

for (const vendor of VENDORS) {
  Deno.test(
    `DataParallel by a native library trains all ranks alike, as one process does [${vendor}]`,
    { ignore: isMissing(vendor) || NATIVES.length === 0 },
    async () => {
      const orders: Order[] = (["mlp", "cnn"] as const).map((model) => ({
        ...{ model, optimizer: "adam", epochs: 5, backend: "native" } as const,
      }));
      const halves = orders.map((order) => ({ ...order, batchSize: JOINT / 2 }));
      const [{ answers: [expected] }, job] = await Promise.all([
        alone(orders),
        succeed(vendor, 2, halves),
      ]);
      assertSame(job);
      for (const [index, { weights, losses }] of job.answers[0].entries()) {
        const name = JSON.stringify(orders[index]);
        assertLess(difference(weights, expected[index].weights), 2e-5, name);
        assertLess(difference(losses, expected[index].losses), 2e-5, name);
      }
      assertEquals(
        (await succeed(vendor, 2, halves)).answers[0].map(bits),
        job.answers[0].map(bits),
      );
    },
  );
}

const EVENTS: Order[] = [
  "cancelBefore",
  "cancelBatch",
  "cancelLate",
  "cancelEpoch",
  "cancelTrain",
  "requestBatch",
  "requestEpoch",
  "requestTrain",
  "pause",
  "nan",
  "early",
].map((event) => ({ event, epochs: 3, examples: 160 }));

testOnMpi(
  "DataParallel acts on all ranks as one process does when one rank cancels",
  async (vendor) => {
    const ranks = 2;
    const [{ answers: [expected] }, job] = await Promise.all([
      alone(EVENTS),
      succeed(vendor, ranks, EVENTS.map((order) => ({ ...order, batchSize: JOINT / ranks }))),
    ]);
    for (const [rank, answers] of job.answers.entries()) {
      for (const [index, { weights, batches, status, reason, losses, gap }] of answers.entries()) {
        const { event } = EVENTS[index];
        // Rank 1 pauses in batch 2: all ranks wait before batch 3, for a step, then for a resume.
        if (event === "pause") assert(gap.time > 500, `${gap.before}: ${gap.time} ms`);
        const single = expected[index];
        assertEquals([event, rank, status, batches], [event, rank, single.status, single.batches]);
        assert(difference(weights, single.weights) < 5e-6, `${event}`);
        assert(difference(losses, single.losses) < 5e-6, `${event}: ${losses} ${single.losses}`);
        const suffix = rank === 0 && reason && event !== "early" && event !== "requestTrain"
          ? " (on rank 1)"
          : "";
        assertEquals([event, reason], [event, single.reason && single.reason + suffix]);
      }
    }
  },
);

const TOGETHER: Order[] = [
  { with: ["clip"] },
  { with: ["accumulate"], examples: 330 },
  { with: ["average", "schedule", "metrics", "confusion"], optimizer: "adam" },
  { with: ["accumulate", "clip", "average", "metrics"], optimizer: "momentum", examples: 330 },
  { optimizer: "stockAdam", backend: "cpu" },
  { with: ["finder"], epochs: 3 },
  { model: "gan", optimizer: "adam" },
  { model: "gan", optimizer: "momentum", with: ["accumulate", "clip", "average"], examples: 330 },
  { validationBatches: 3, optimizer: "adam", with: ["metrics"] },
  { validationBatches: 2, with: ["accumulate"], examples: 330 },
];

testOnMpi(
  "DataParallel works with clipping, accumulation, averages, schedules and objectives",
  async (vendor) => {
    const ranks = 2;
    const [{ answers: [expected] }, job] = await Promise.all([
      alone(TOGETHER),
      succeed(vendor, ranks, TOGETHER.map((order) => ({ ...order, batchSize: JOINT / ranks }))),
    ]);
    assertSame(job);
    for (const [index, { weights, metrics, batches }] of job.answers[0].entries()) {
      const name = JSON.stringify(TOGETHER[index]);
      assertEquals(batches, expected[index].batches, name);
      const apart = difference(weights, expected[index].weights);
      assert(apart < 5e-6, `${name}: weights differ by ${apart}`);
      const names = Object.keys(expected[index].metrics);
      assertEquals(Object.keys(metrics), names);
      for (const metric of names) {
        assert(
          Math.abs(metrics[metric] - expected[index].metrics[metric]) < 5e-6,
          `${name} ${metric}`,
        );
      }
    }
  },
);

testOnMpi(
  "DataParallel weighs ranks by the labels that are not ignored, also where one has none",
  async (vendor) => {
    const orders: Order[] = [
      { ignored: 0.5 },
      { ignored: 0.8, optimizer: "momentum", with: ["accumulate"], examples: 330 },
      { ignored: 0.7, batchSize: 8 },
    ];
    const joint = orders.map((order) => ({ ...order, batchSize: 2 * (order.batchSize ?? 16) }));
    const [{ answers: [expected] }, job] = await Promise.all([
      succeed(undefined, 1, joint),
      succeed(vendor, 2, orders),
    ]);
    for (const answers of job.answers) {
      for (const [index, { weights }] of answers.entries()) {
        assert(weights.every(Number.isFinite), JSON.stringify(orders[index]));
        const apart = difference(weights, expected[index].weights);
        assert(apart < 5e-6, `${JSON.stringify(orders[index])}: weights differ by ${apart}`);
      }
    }
  },
);

testOnMpi(
  "DataParallel displays, logs and serves on one rank, and keeps batch normalisation equal",
  async (vendor) => {
    const orders: Order[] = [
      { with: ["bar", "log", "page"], examples: 64, epochs: 1 },
      { model: "norm", optimizer: "adam", examples: 323 },
    ];
    const job = await succeed(vendor, 3, orders);
    assertSame(job);
    assertEquals(job.output.match(/^epoch /gm)?.length, 1, job.output);
    assertEquals(job.output.match(/live page/g)?.length, 1, job.output);
    assertEquals(job.files, ["0.json", "1.json", "2.json", "log0.csv"]);
  },
);

testOnMpi(
  "DataParallel resumes a checkpoint on as many ranks bit for bit, and on others",
  async (vendor) => {
    const folder = await Deno.makeTempDir();
    const order: Order = {
      examples: 330,
      with: ["accumulate", "average", "metrics"],
      optimizer: "adam",
      batchSize: 8,
      folder: `${folder}/run`,
    };
    try {
      const whole = await succeed(vendor, 2, [{ ...order, folder: undefined }]);
      const failed = await launch(vendor, 2, [{ ...order, event: "throw" }]);
      assertEquals(failed.code, 70, failed.output);
      for await (const { name } of Deno.readDir(order.folder!)) {
        if (name.includes("error")) await Deno.remove(`${order.folder}/${name}`);
      }
      await copy(order.folder!, `${folder}/other`);
      const resumed = await succeed(vendor, 2, [order]);
      assertSame(resumed);
      const [[{ weights, losses, metrics, batches }]] = resumed.answers;
      // The newest file may not have been written yet.
      assert(["1.1", "1.2"].includes(batches[0]), batches[0]);
      assertEquals(weights, whole.answers[0][0].weights);
      assertEquals(metrics, whole.answers[0][0].metrics);
      assertEquals(losses, whole.answers[0][0].losses.slice(-losses.length));
      const other = await succeed(vendor, 3, [{ ...order, folder: `${folder}/other` }]);
      assertSame(other);
      assertEquals(other.answers[0][0].losses.length, losses.length);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

const KEEPING: Record<string, Order> = {
  "batch normalisation": { model: "norm", examples: 144 },
  "states of recurrent layers": { model: "recurrent", examples: 160 },
};

for (const [what, keeping] of Object.entries(KEEPING)) {
  testOnMpi(
    `DataParallel resumes from any batch of a window bit for bit, with ${what}`,
    async (vendor) => {
      const folder = await Deno.makeTempDir();
      const order: Order = { ...keeping, with: ["accumulate"], optimizer: "adam" };
      try {
        const { answers: [[whole]] } = await succeed(vendor, 2, [{ ...order, folder }]);
        const files = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
          .filter((path) => path.endsWith(".safetensors"));
        assert(files.length >= 8, `${files.length} checkpoints`);
        const resumed = await succeed(vendor, 2, files.map((from) => ({ ...order, from })));
        assertSame(resumed);
        for (const [index, { weights }] of resumed.answers[0].entries()) {
          assertEquals(weights, whole.weights, files[index]);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

testOnMpi(
  "DataParallel gives all ranks the same statistics where a window stays open",
  async (vendor) => {
    const orders: Order[] = ["cancelEpoch", "cancelTrain", "early"].map((event) => (
      { event, model: "norm", with: ["accumulate"], examples: 176 }
    ));
    const { answers: [first, second] } = await succeed(vendor, 2, orders);
    for (const [index, { weights, losses }] of first.entries()) {
      assertEquals([second[index].weights, second[index].losses], [weights, losses]);
    }
  },
);

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The failure on rank 1, the exit code of the job, and the longest time until its end, in ms. */
const DRILLS: [event: string, code: number | undefined, limit: number][] = [
  ["throw", 70, 3000],
  ["reject", 70, 3000],
  ["exit", 76, 3000],
  ["kill", undefined, 3000],
  ["hang", 75, 2000 + 3000],
];

for (const [event, code, limit] of DRILLS) {
  testOnMpi(`DataParallel ends the whole job when one rank fails: ${event}`, async (vendor) => {
    const job = await launch(vendor, 2, [{ event, limit: 2000 }]);
    const began = Number(job.output.match(/event at (\d+)/)?.[1]);
    assert(job.ended - began < limit, `it took ${job.ended - began} ms\n${job.output}`);
    assert(job.code !== 0, job.output);
    if (code !== undefined) assertEquals(job.code, code, job.output);
    if (code === 70) assertEquals(job.output.match(/Error: boom/g)?.length, 1, job.output);
    if (code === 75) assert(job.output.includes("rank 1 is still in beforeBatch"), job.output);
    assertEquals(job.left, []);
  });
}

testOnMpi("DataParallel prints an error of all ranks once", async (vendor) => {
  const { code, output } = await launch(vendor, 2, [{ event: "throwAll", limit: 2000 }]);
  assertEquals(code, 70, output);
  assertEquals(output.match(/Error: boom/g)?.length, 1, output);
});

testOnMpi("DataParallel overfits one batch on all ranks", async (vendor) => {
  const order: Order = { with: ["overfit"], optimizer: "adam", epochs: 3 };
  const [{ answers: [[expected]] }, job] = await Promise.all([
    succeed(undefined, 1, [order]),
    succeed(vendor, 2, [order]),
  ]);
  assertSame(job);
  assertEquals(job.answers[0][0].batches, expected.batches);
  assert(difference(job.answers[0][0].losses, expected.losses) < 5e-6);
});

testOnMpi("DataParallel validates the weights of rank 0 on all ranks", async (vendor) => {
  const order: Order = { event: "validate" };
  const [{ answers: [[expected]] }, job] = await Promise.all([
    alone([order]),
    succeed(vendor, 2, [order]),
  ]);
  assertSame(job);
  assertEquals(job.answers[0][0].weights, expected.weights);
  assert(difference(job.answers[0][0].losses, expected.losses) < 5e-6);
});

/** The difference between ranks, and the message about it. */
const REFUSED: [event: string, message: string][] = [
  ["uneven", "all ranks must take the same number of batches: rank 1 has no batch 9"],
  ["epochs", "all ranks must take the same number of epochs: rank 0 has no epoch 2"],
  ["kinds", "all ranks must do the same: rank 0 is to validate, rank 1 is to train"],
  ["twoWorlds", "there must be one DataParallel: there are 2"],
];

for (const [event, message] of REFUSED) {
  testOnMpi(`DataParallel refuses a difference between ranks: ${event}`, async (vendor) => {
    const { code, output } = await launch(vendor, 2, [{ event, limit: 2000 }]);
    assertEquals(code, 70, output);
    assert(output.includes(message), output);
  });
}
