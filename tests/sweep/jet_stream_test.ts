import { assert, assertEquals, assertGreaterOrEqual, assertMatch } from "@std/assert";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
} from "../deps/nats_jwt.ts";
import { connect, jetstreamManager } from "../../src/deps/nats.ts";
import { hasServer, NatsServer } from "./nats_server.ts";
import { SweepScript } from "./sweep_script.ts";

const test = (name: string, run: () => Promise<void>) =>
  Deno.test({ name, ignore: !hasServer, fn: run });

/** Asserts that every trial was done once. */
function assertAllOnce(trials: number, script: SweepScript): void {
  const numbers = script.records().map(({ trial }) => trial);
  const all = Array.from({ length: trials }, (_, number) => number);
  assertEquals(numbers.toSorted((a, b) => a - b), all, "the journal has each trial once");
  const ends = script.trace().filter(({ what }) => what === "end").map(({ trial }) => trial);
  assertEquals(
    ends.toSorted((a, b) => a - b),
    all.filter((trial) => trial !== 1),
    "each trial ran to its end once, except the one that throws",
  );
}

test("two workers work at the same time, one works on a trial at a time", async () => {
  await using server = await NatsServer.start();
  const together = async (workers: number) => {
    await using script = new SweepScript({ trials: 17, wait: 400 });
    const run = script.spawn("--nats", server.url, "--workers", `${workers}`);
    assertEquals((await run.result()).code, 0);
    assertAllOnce(17, script);
    let running = 0;
    // The trial that throws has no end.
    return script.trace().filter(({ what, trial }) =>
      trial !== 1 && (what === "begin" ? ++running : running--) === 2
    ).length;
  };
  assertEquals(await together(1), 0);
  const count = await together(2);
  assertGreaterOrEqual(count, 16, `${count} begins or ends while both workers had a trial`);
});

test("a killed worker, a killed driver and a server restart lose and repeat no trial", async () => {
  await using server = await NatsServer.start();
  await using script = new SweepScript({ trials: 12, wait: 1500, silence: 3 });
  const drive = () => script.spawn("--nats", server.url, "--workers", "0");
  const work = () => script.spawn("--nats", server.url, "--worker");

  const driver = drive();
  const workers = [work(), work()];
  await script.until("end", 2);
  await script.until("begin", 4);
  const { pid } = script.trace().findLast(({ what }) => what === "begin")!;
  await workers.find((worker) => worker.pid === pid)!.kill();
  const [left] = workers.filter((worker) => worker.pid !== pid);

  await script.until("end", 4);
  await driver.kill();
  await Deno.remove(`${script.folder}/out`, { recursive: true }); // the next driver is elsewhere
  await script.until("end", 6);
  await server.stop();
  await server.start();
  const [next, second] = [work(), drive()];

  const { code, output, errors } = await second.result();
  assertEquals(code, 0, errors);
  assertAllOnce(12, script);
  const begun = script.trace().filter(({ what }) => what === "begin");
  const killed = begun.findLast((line) => line.pid === pid)!.trial;
  assertEquals(begun.filter(({ trial }) => trial === killed).length, 2, "it was begun again");
  assertEquals(begun.length, 13);
  assertMatch(output, /^1 +failed +- +- .* -?0\.\d+ +plain$/m);
  const failed = script.records().find(({ trial }) => trial === 1)!;
  assertEquals(failed.status, "failed");
  assertMatch(failed.error!, /these parameters cannot work\n +at .*waiting_sweep\.ts/);
  assertEquals(Object.keys(failed.parameters), ["x", "kind"]);
  for (const worker of [left, next]) {
    const { code, errors } = await worker.result();
    assertEquals(code, 0, errors);
  }
});

test("a worker that is busy for longer than the silence keeps its trial", async () => {
  await using server = await NatsServer.start();
  await using script = new SweepScript({ trials: 1, wait: 1000, silence: 1, deaf: 2000 });
  const run = script.spawn("--nats", server.url, "--workers", "2");
  const { code, errors } = await run.result();
  assertEquals([code, errors], [0, ""]);
  assertEquals(script.trace().map(({ what }) => what), ["begin", "end"]);
});

test("a worker gives its trial back on Ctrl-C", async () => {
  await using server = await NatsServer.start();
  await using script = new SweepScript({ trials: 1, wait: 3000, silence: 60 });
  const run = script.spawn("--nats", server.url, "--workers", "0");
  const worker = script.spawn("--nats", server.url, "--worker");
  await script.until("begin", 1);
  worker.interrupt();
  assertEquals((await worker.result()).code, 130);
  script.spawn("--nats", server.url, "--worker");
  assertEquals((await run.result()).code, 0);
  assertEquals(script.trace().map(({ what }) => what), ["begin", "begin", "end"]);
});

test("a trial that kills three workers is recorded as failed", async () => {
  await using server = await NatsServer.start();
  await using script = new SweepScript({
    ...{ trials: 3, wait: 50, silence: 0.5 },
    ...{ suicide: 0, stubborn: true },
  });
  const { code, errors } = await script.spawn("--nats", server.url, "--workers", "1").result();
  assertEquals(code, 0, errors);
  const begun = script.trace().filter(({ what, trial }) => what === "begin" && trial === 0);
  assertEquals(begun.length, 3);
  const { status, error } = script.records().find(({ trial }) => trial === 0)!;
  assertEquals([status, error], ["failed", "every worker died of it, at attempt 3"]);
});

test("a long error, many reports and foreign messages do not hang a sweep", async () => {
  const config = await Deno.makeTempFile();
  await Deno.writeTextFile(config, "max_payload: 16384");
  await using server = await NatsServer.start(["-c", config]);
  await Deno.remove(config);
  await using script = new SweepScript({ trials: 4, wait: 50, error: 2_000_000, reports: 2000 });
  const driver = script.spawn("--nats", server.url, "--workers", "0");
  const connection = await connect({ servers: `127.0.0.1:${server.port}` });
  const manager = await jetstreamManager(connection);
  const [jobs] = await until(async () => (await manager.streams.names().next()).filter(isJobs));
  await manager.jetstream().publish(`sweep.${jobs.replace(/-jobs$/, "")}.job.0.9`, "{");
  connection.publish(`sweep.${jobs.replace(/-jobs$/, "")}.report`, "null");
  await connection.close();
  const worker = script.spawn("--nats", server.url, "--worker");
  const { code, output, errors } = await driver.result();
  assertEquals(code, 0, errors);
  assertEquals((await worker.result()).code, 0);
  assertMatch(output, /^trial 1 failed: Error: x{180,} … \(\d+ characters more\)/m);
  const [first, second] = [0, 1].map((number) =>
    script.records().find(({ trial }) => trial === number)!
  );
  assert(second.error!.startsWith(`Error: ${"x".repeat(4000)}`));
  const { reports: { length }, value } = first;
  assert(length < 2000 && length > 100, `${length} reports`);
  assertEquals([first.status, first.reports.at(-1)], ["completed", [2001, value]]);
});

const isJobs = (name: string) => name.endsWith("-jobs");

/** Waits for a list that is not empty. */
async function until<T>(list: () => Promise<T[]>): Promise<T[]> {
  for (;;) {
    const found = await list();
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("the driver stops trials early on other machines, as successive halving says", async () => {
  await using server = await NatsServer.start();
  const options = { trials: 9, wait: 450, epochs: 9, algorithm: "hyperband" };
  await using remote = new SweepScript(options);
  const run = remote.spawn("--nats", server.url, "--workers", "2");
  assertEquals((await run.result()).code, 0);
  await using local = new SweepScript(options);
  assertEquals((await local.spawn("--workers", "1").result()).code, 0);

  const lasts = (script: SweepScript) =>
    Object.fromEntries(
      script.records().map(({ trial, value, reports }) => [trial, [reports.at(-1)?.[0], value]]),
    );
  assertEquals(lasts(remote), lasts(local), "on any worker, the same trials get equally far");
  const farthest = Object.values(lasts(remote)).map(([epochs]) => epochs ?? 0);
  assertEquals(farthest.toSorted(), [0, 1, 1, 1, 1, 1, 3, 3, 9]);
  assert(
    remote.records().some(({ status }) => status === "stopped"),
    "some were stopped while they ran",
  );
});

test("TPE draws late, in processes and on a server, also after a new start", async () => {
  await using server = await NatsServer.start();
  const options = { trials: 24, wait: 40, algorithm: "tpe" };
  await using plain = new SweepScript({ ...options, algorithm: "random" });
  assertEquals((await plain.spawn("--workers", "2").result()).code, 0);
  await using local = new SweepScript(options);
  await using remote = new SweepScript(options);
  const flags = ["--nats", server.url, "--workers", "2"];
  const first = remote.spawn(...flags);
  await remote.until("end", 14);
  await first.kill();
  for (const run of [local.spawn("--workers", "2"), remote.spawn(...flags)]) {
    const { code, errors } = await run.result();
    assertEquals(code, 0, errors);
  }
  const drawn = (script: SweepScript) =>
    script.records().toSorted((a, b) => a.trial - b.trial).map(({ parameters }) => parameters);
  for (const script of [local, remote]) {
    assertAllOnce(24, script);
    assertEquals(drawn(script).slice(0, 10), drawn(plain).slice(0, 10));
    const distance = (all: typeof plain) =>
      drawn(all).slice(14).reduce((sum, { x }) => sum + Math.abs(x as number), 0);
    assert(distance(script) < distance(plain), `${distance(script)}, ${distance(plain)}`);
  }
});

test("of two drivers of one sweep, one has all results, and the other too or it throws", async () => {
  await using server = await NatsServer.start();
  const options = { trials: 6, wait: 200 };
  await using script = new SweepScript(options);
  await using other = new SweepScript(options);
  const runs = [script, other].map((one) => one.spawn("--nats", server.url, "--workers", "1"));
  for (const run of runs) {
    const { code, errors } = await run.result();
    // A driver that looks too late finds nothing on the server.
    if (code !== 0) {
      assertMatch(errors, /Cannot continue the sweep: out-\w+ is no longer on the server/);
    }
  }
  assertEquals(Math.max(script.records().length, other.records().length), 6);
});

test("drivers and workers refuse a server without JetStream", async () => {
  await using server = await NatsServer.start([], { jetStream: false });
  await using script = new SweepScript({ trials: 3, wait: 20 });
  for (const flags of [["--workers", "1"], ["--worker"]]) {
    const { code, errors } = await script.spawn("--nats", server.url, ...flags).result();
    assertEquals(code, 1);
    assertMatch(
      errors,
      /Cannot sweep as the NATS server at .* must have JetStream: .*nats-server -js/,
    );
  }
});

test("user, password and certificates are passed to the server", async () => {
  const folder = await Deno.makeTempDir();
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  const made = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
      .concat(["-keyout", key, "-out", cert, "-addext", "subjectAltName=IP:127.0.0.1"]),
    stderr: "null",
  }).output();
  assert(made.success);
  const secured = ["--tls", "--tlscert", cert, "--tlskey", key];
  const user = ["--user", "sweeper", "--pass", "s3cret"];
  await using server = await NatsServer.start([...secured, ...user]);
  const host = `127.0.0.1:${server.port}`;
  const tls = { caFile: cert };
  const outcome = async (nats: unknown, ...args: string[]) => {
    await using script = new SweepScript({ trials: 3, wait: 20, nats });
    return await script.spawn("--workers", "1", ...args).result();
  };
  const servers = `nats://${host}`;
  const good = await outcome({ servers, user: "sweeper", pass: "s3cret", tls });
  assertEquals(good.code, 0, good.errors);
  const url = `tls://sweeper:s3cret@${host}`;
  assertEquals((await outcome(undefined, "--nats", url, "--nats-ca", cert)).code, 0);

  const stranger = await outcome({ servers, user: "sweeper", pass: "wrong", tls });
  assertEquals(stranger.code, 1);
  assertMatch(stranger.errors, /Cannot sweep as a NATS server must answer .* Authorization/i);
  const distrusted = await outcome({ servers, user: "sweeper", pass: "s3cret" });
  assertEquals(distrusted.code, 1);
  assertMatch(distrusted.errors, /Cannot sweep as a NATS server must answer .*certificate/i);

  await using strict = await NatsServer.start([...secured, "--tlsverify", "--tlscacert", cert]);
  const own = {
    servers: `127.0.0.1:${strict.port}`,
    tls: { ...tls, certFile: cert, keyFile: key },
  };
  assertEquals((await outcome(own)).code, 0, "the server knows the client's certificate");
  await Deno.remove(folder, { recursive: true });
});

test("a file of credentials is passed to the server", async () => {
  const folder = await Deno.makeTempDir();
  const operator = createOperator();
  const system = createAccount(), account = createAccount();
  const [users, strangers] = [createUser(), createUser()];
  const unlimited = {
    conn: -1,
    subs: -1,
    data: -1,
    payload: -1,
    mem_storage: -1,
    disk_storage: -1,
  };
  const signed = { signer: operator };
  const ofSystem = await encodeAccount("SYS", system, {}, signed);
  const ofAccount = await encodeAccount("A", account, { limits: unlimited }, signed);
  const config = `${folder}/server.conf`;
  await Deno.writeTextFile(
    config,
    `operator: ${await encodeOperator("O", operator)}
    system_account: ${system.getPublicKey()}
    resolver: MEMORY
    resolver_preload: {
      ${system.getPublicKey()}: ${ofSystem}
      ${account.getPublicKey()}: ${ofAccount}
    }`,
  );
  await using server = await NatsServer.start(["-c", config]);
  const outcome = async (name: string, user: typeof users, issuer: typeof account) => {
    const file = `${folder}/${name}.creds`;
    await Deno.writeFile(file, fmtCreds(await encodeUser(name, user, issuer), user));
    await using script = new SweepScript({ trials: 3, wait: 20 });
    const args = ["--nats", server.url, "--nats-creds", file, "--workers", "1"];
    return await script.spawn(...args).result();
  };
  const { code, errors } = await outcome("user", users, account);
  assertEquals(code, 0, errors);
  const stranger = await outcome("stranger", strangers, createAccount());
  assertEquals(stranger.code, 1);
  assertMatch(stranger.errors, /Cannot sweep as a NATS server must answer .* Authorization/i);
  await using script = new SweepScript({ trials: 3, wait: 20 });
  const missing = ["--nats", server.url, "--nats-creds", `${folder}/none.creds`];
  assertMatch(
    (await script.spawn(...missing, "--workers", "1").result()).errors,
    /Cannot sweep as credentials must be a file that can be read: .*none\.creds/,
  );
  await Deno.remove(folder, { recursive: true });
});
