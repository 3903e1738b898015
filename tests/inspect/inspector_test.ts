import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { within } from "../fixtures/within.ts";
import { listenTo, startRelay } from "./relay_process.ts";

const states = await Promise.all(
  (["run", "net", "env", "read"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");

/** The fields of a message that the tests read. */
interface Message {
  type: "@xstate.actor" | "@xstate.event" | "@xstate.snapshot";
  name?: string;
  definition?: string;
  event?: { type: string };
  snapshot?: {
    status: string;
    value: unknown;
    context: { epoch: number; batch: number; hold: boolean; error: string | null };
  };
}

/** Runs a process with a relay: its output, and the messages that an early and a late client got. */
async function inspected(mode: string) {
  const { url, stop } = startRelay();
  try {
    const client = await listenTo<Message>(url);
    const printed = await run(url, mode);
    const late = await listenTo<Message>(url);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await Promise.all([client.leave(), late.leave()]);
    return { printed, messages: client.messages, replayed: late.messages };
  } finally {
    await stop();
  }
}

/** Runs a process until it ends by itself. */
async function run(url: string, mode: string): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-lock", "tests/inspect/inspected_run.ts", url, mode],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const { code, stdout, stderr } = await within(60_000, "the process", child.output());
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n");
  } catch (error) {
    try {
      child.kill();
    } catch {
      // It has ended.
    }
    throw error;
  }
}

const snapshotsIn = (messages: Message[]) => messages.filter(({ snapshot }) => snapshot?.value);
const eventsIn = (messages: Message[]) =>
  messages.filter(({ type }) => type === "@xstate.event").map(({ event }) => event!.type);

Deno.test("inspector() sends the definition first, then the states in order", {
  ignore,
}, async () => {
  const { printed, messages } = await inspected("calm");
  assertEquals(printed, ["completed 0", "completed 0"]);
  const [first] = messages;
  assertEquals([first.type, first.name], ["@xstate.actor", "learner"]);
  const { states } = JSON.parse(first.definition!);
  assert("compute" in states.train.states.epoch.states.batch.states);
  const ends = messages.flatMap(({ type, snapshot }, index) =>
    type === "@xstate.snapshot" && snapshot!.status === "done" ? [index] : []
  );
  assertEquals(ends.length, 2, "both runs are shown to the end");
  assertEquals(messages[ends[0]].snapshot!.value, "completed");
  assertEquals(ends[1], messages.length - 1, "nothing comes after the end");
  assertEquals(
    messages[ends[0] + 1].type,
    "@xstate.actor",
    "the second run has its definition, too",
  );
  const places = snapshotsIn(messages.slice(0, ends[0])).map(({ snapshot }) => snapshot!.context)
    .map(({ epoch, batch }) => 100 * epoch + batch);
  assert(places.length > 4, `only ${places.length} snapshots`);
  const epochs = places.map((place) => Math.floor(place / 100));
  assertEquals(epochs, epochs.toSorted(), "the epochs come in order");
  assert(new Set(epochs).size > 1);
  const values = snapshotsIn(messages.slice(0, ends[0])).map(({ snapshot }) => snapshot!.value);
  assert(values.some((value) => JSON.stringify(value).startsWith('{"train":{"epoch":{"batch"')));
});

Deno.test("inspector() sends every pause and every cancel", { ignore }, async () => {
  const { printed, messages } = await inspected("steered");
  assertEquals(printed, ["completed 0", "completed 0"]);
  assertEquals(eventsIn(messages).filter((type) => !type.startsWith("xstate.")), [
    ...["train", "pause", "resume", "cancel.epoch"],
    ...["train", "pause", "resume", "cancel.epoch"],
  ]);
  const values = snapshotsIn(messages).map(({ snapshot }) => JSON.stringify(snapshot!.value));
  assert(values.includes('{"train":{"epoch":"held"}}'), "the pause is shown");
  assert(values.includes('{"train":{"epoch":"cancelled"}}'), "the cancelled epoch is shown");
});

Deno.test("inspector() sends a failure with its message", { ignore }, async () => {
  const { printed, messages } = await inspected("failing");
  assertEquals(printed, ["failed 0", "failed 0"]);
  assertEquals(eventsIn(messages).filter((type) => type === "fail").length, 2);
  const { snapshot } = messages.at(-1)!;
  assertEquals([snapshot!.value, snapshot!.context.error], ["failed", "broken on purpose"]);
});

Deno.test("inspector() sends the definition again, for clients that connect late", {
  ignore,
}, async () => {
  const { messages, replayed } = await inspected("busy");
  assert(messages.length > 400, "more than a relay keeps");
  const introductions = replayed.filter(({ type }) => type === "@xstate.actor");
  assert(introductions.length >= 1, "the relay has forgotten the definition");
  assertEquals(replayed.at(-1)!.snapshot!.status, "done");
});

Deno.test("inspector() sends at most ten snapshots a second of an undisturbed run", {
  ignore,
}, async () => {
  const { messages } = await inspected("calm");
  const snapshots = messages.filter(({ type, snapshot, event }) =>
    type === "@xstate.snapshot" && event!.type === "next" && snapshot!.status === "active"
  ) as (Message & { createdAt: string })[];
  for (const { createdAt } of snapshots) {
    const within = snapshots.filter((other) => {
      const after = Number(other.createdAt) - Number(createdAt);
      return after >= 0 && after < 1000;
    });
    // A snapshot gets its date when it is converted, by a timer that may be late.
    assert(within.length <= 12, `${within.length} in a second`);
  }
});

Deno.test("inspector() keeps no process alive if the relay is missing or silent", {
  ignore,
}, async () => {
  assertEquals(await run("ws://localhost:9", "calm"), ["completed 0", "completed 0"]);
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken: Deno.Conn[] = [];
  const taking = (async () => {
    for await (const connection of silent) taken.push(connection);
  })();
  try {
    const url = `ws://127.0.0.1:${silent.addr.port}`;
    assertEquals(await run(url, "calm"), ["completed 0", "completed 0"]);
    assert(taken.length > 0);
  } finally {
    silent.close();
    taken.forEach((connection) => connection.close());
    await taking;
  }
});

Deno.test("examples/inspect.ts serves the inspector, shows a training, and ends", {
  ignore,
}, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      "--no-lock",
      "examples/inspect.ts",
      "--port",
      String(port),
      "--no-open",
    ],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.output();
  const client = await listenTo<Message>(`ws://localhost:${port}`);
  const page = await (await fetch(`http://localhost:${port}`)).text();
  const { code, stdout } = await within(60_000, "the example", output);
  await client.leave();
  assertStringIncludes(page, "https://stately.ai/inspect");
  assertEquals([code, new TextDecoder().decode(stdout).trim().split("\n").at(-1)], [
    0,
    "completed",
  ]);
  assertEquals(client.messages[0].type, "@xstate.actor");
  assert(eventsIn(client.messages).includes("cancel.epoch"));
});

/** Answers the handshake of a WebSocket client. */
async function welcome(connection: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(4096);
  const request = new TextDecoder().decode(bytes.subarray(0, (await connection.read(bytes))!));
  const [, key] = /sec-websocket-key: (.*)\r/i.exec(request)!;
  const secret = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", secret));
  const answer = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${digest.toBase64()}`,
  ];
  await connection.write(new TextEncoder().encode(`${answer.join("\r\n")}\r\n\r\n`));
}

Deno.test("inspector() drops events that a relay does not read, and stays small", {
  ignore,
}, async () => {
  const { openRelay } = await import("../../src/inspect/open_relay.ts");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const opened = Promise.withResolvers<{ next(event: unknown): void }>();
  const channel = openRelay(`ws://127.0.0.1:${listener.addr.port}`, {
    opened: opened.resolve,
    lost() {},
  });
  using connection = await listener.accept();
  await welcome(connection);
  const observer = await within(5000, "the connection", opened.promise);
  const [count, size] = [4000, 16_384];
  const event = { type: "@xstate.event", event: { type: "x".repeat(size) }, actorRef: {} };
  for (let index = 0; index < count; index++) {
    observer.next(event);
    if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const closed = channel.close();
  let received = 0;
  const bytes = new Uint8Array(2 ** 16);
  for (let read; (read = await connection.read(bytes).catch(() => null));) received += read;
  await within(5000, "the end", closed);
  listener.close();
  assert(received > size && received < count * size / 2, `${received} bytes came through`);
});
