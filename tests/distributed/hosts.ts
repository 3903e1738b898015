/**
 * Two hosts on one machine: network namespaces joined by a virtual cable, each with its own name.
 *
 * @module
 */
import { isMissing, type Vendor } from "./launch.ts";

const NAMES = [1, 2].map((host) => `trainchart${Deno.pid}h${host}`);
const ADDRESSES = ["10.77.31.1", "10.77.31.2"];
const CABLES = ["trainchart1", "trainchart2"];

/** Two hosts. */
export interface Hosts extends AsyncDisposable {
  /** The beginning of a command that runs on the first host. */
  readonly prefix: string[];
  /** The options of `mpirun` that start one rank on each host. */
  launcher(vendor: Vendor): string[];
  /** Number of bytes that the first host has sent to the second. */
  sent(): Promise<number>;
  /** Cuts the cable. */
  cut(): Promise<void>;
}

/** Whether hosts cannot be made: that needs root and the tools. */
export function noHosts(vendor: Vendor): boolean {
  if (isMissing(vendor) || Deno.uid() !== 0) return true;
  const tried = `${NAMES[0]}tried`;
  try {
    const made = ["add", "del"].map((verb) =>
      new Deno.Command("ip", { args: ["netns", verb, tried] }).outputSync().success
    );
    return made.includes(false);
  } catch {
    return true;
  }
}

/** Makes two hosts. */
export async function makeHosts(): Promise<Hosts> {
  const folder = await Deno.makeTempDir();
  const agent = `${folder}/agent.sh`;
  const enter = (name: string, command: string) =>
    `exec ip netns exec ${name} unshare --uts sh -c "hostname ${name}; ${command}"`;
  // Called like ssh, with a host and a command. MPICH puts an option before them.
  await Deno.writeTextFile(
    agent,
    `#!/bin/sh\n[ "$1" = "-x" ] && shift\nhost=$1; shift\n` +
      `if [ $host = ${ADDRESSES[0]} ]; then ${enter(NAMES[0], "$*")}; fi\n${
        enter(NAMES[1], "$*")
      }\n`,
  );
  await Deno.chmod(agent, 0o755);
  for (const name of NAMES) await ip("netns", "add", name);
  const [from, to] = NAMES;
  const peer = ["peer", "name", CABLES[1], "netns", to];
  await ip("link", "add", CABLES[0], "netns", from, "type", "veth", ...peer);
  for (const [host, name] of NAMES.entries()) {
    await ip("-n", name, "link", "set", "lo", "up");
    await ip("-n", name, "addr", "add", `${ADDRESSES[host]}/24`, "dev", CABLES[host]);
    await ip("-n", name, "link", "set", CABLES[host], "up");
  }
  // A cable counts as plugged in only about a second after.
  for (const [host, name] of NAMES.entries()) {
    while ((await link(name, host)).operstate !== "UP") await delay(50);
  }
  const begin = `hostname ${from}; exec "$@"`;
  return {
    prefix: ["ip", "netns", "exec", from, "unshare", "--uts", "sh", "-c", begin, "sh"],
    launcher: (vendor) =>
      vendor === "openmpi"
        ? [
          ...["--mca", "plm_rsh_agent", agent, "--host", ADDRESSES.map((a) => `${a}:1`).join()],
          // Without these, the launcher takes minutes to notice a lost host.
          ...["time", "intvl", "probes"].flatMap((
            what,
          ) => ["--mca", `oob_tcp_keepalive_${what}`, what === "intvl" ? "1" : "3"]),
        ]
        : ["-launcher", "ssh", "-launcher-exec", agent, "-hosts", ADDRESSES.join()],
    sent: async () => (await link(from, 0)).stats64.tx.bytes,
    cut: async () => void await ip("-n", from, "link", "set", CABLES[0], "down"),
    [Symbol.asyncDispose]: async () => {
      for (const name of NAMES) await ip("netns", "del", name);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function link(name: string, host: number) {
  const [link] = JSON.parse(await ip("-n", name, "-s", "-j", "link", "show", CABLES[host]));
  return link as { operstate: string; stats64: { tx: { bytes: number } } };
}

const delay = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

async function ip(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args }).output();
  const [text, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`ip ${args.join(" ")}: ${error}`);
  return text;
}
