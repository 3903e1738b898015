import { assert, assertEquals, assertRejects } from "@std/assert";
import fs from "node:fs/promises";
import { StorageError } from "../../mod.ts";
import { type HostTensor, SafetensorsFile, writeSafetensors } from "../../io.ts";
import { OpenFile } from "../../src/host/files.ts";

/** Made by the reference implementation: Python's safetensors 0.8.0, with `safetensors.numpy.save`. */
const REFERENCE = `
cAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJsIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOl
tdLCJkYXRhX29mZnNldHMiOlswLDhdfSwiZSI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCwzXSwiZGF0YV9vZmZz
ZXRzIjpbOCw4XX0sInciOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsM10sImRhdGFfb2Zmc2V0cyI6WzgsMzJdfS
wiaSI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzMyLDQwXX0sImgiOnsiZHR5cGUi
OiJGMTYiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls0MCw0Nl19LCJiIjp7ImR0eXBlIjoiQk9PTCIsInNoYX
BlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzQ2LDQ5XX19ICAgICAgIAcAAAAAAAAAAAAAAAAAgD8AAABAAABAQAAAgEAA
AKBAAQAAAP7///8AOADA/3sBAAE=`;

const { state: write } = await Deno.permissions.query({ name: "write" });
const { state: run } = await Deno.permissions.query({ name: "run", command: "python3" });
const python = run === "granted" && await succeeds("");
const reference = python && await succeeds("import safetensors.numpy");

const TENSORS = new Map<string, HostTensor>([
  ["flag", { dtype: "BOOL", shape: [3], values: Uint8Array.of(1, 0, 1) }],
  ["kernel", { dtype: "F32", shape: [2, 2], values: Float32Array.of(1, -0, NaN, 4) }],
  ["step", { dtype: "I32", shape: [], values: Int32Array.of(-7) }],
  ["empty", { dtype: "F32", shape: [0, 3], values: new Float32Array() }],
  ["../../etc/passwd", { dtype: "F64", shape: [1], values: Float64Array.of(0.1) }],
]);

async function succeeds(code: string): Promise<boolean> {
  try {
    return (await new Deno.Command("python3", { args: ["-c", code], stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

async function runPython(code: string, path: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("python3", { args: ["-c", code, path] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

function testFile(name: string, test: (path: string) => Promise<void>, ignore = false): void {
  Deno.test(name, { ignore: ignore || write !== "granted" }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await test(`${folder}/tensors.safetensors`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

testFile("SafetensorsFile reads a file of the reference implementation", async (path) => {
  await Deno.writeFile(path, Uint8Array.from(atob(REFERENCE), (char) => char.charCodeAt(0)));
  using file = await SafetensorsFile.open(path);
  assertEquals(file.metadata, { format: "pt" });
  assertEquals([...file.entries.keys()].sort(), ["b", "e", "h", "i", "l", "w"]);
  assertEquals(await file.read("w"), {
    dtype: "F32",
    shape: [2, 3],
    values: Float32Array.of(0, 1, 2, 3, 4, 5),
  });
  assertEquals((await file.read("i")).values, Int32Array.of(1, -2));
  assertEquals((await file.read("b")).values, Uint8Array.of(1, 0, 1));
  assertEquals((await file.read("h")).values, Uint16Array.of(0x3800, 0xc000, 0x7bff));
  assertEquals((await file.read("l")).values, BigInt64Array.of(7n));
  assertEquals((await file.read("e")).shape, [0, 3]);
});

testFile(
  "writeSafetensors() writes a file that the reference implementation reads",
  async (path) => {
    await writeSafetensors(path, TENSORS, { note: 'a "quoted" text' });
    const code = `
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    assert f.metadata()["note"] == 'a "quoted" text'
    for name in sorted(f.keys()):
        t = f.get_tensor(name)
        print(name, t.dtype, list(t.shape), t.tobytes().hex())
`;
    assertEquals(await runPython(code, path), [
      "../../etc/passwd float64 [1] 9a9999999999b93f",
      "empty float32 [0, 3] ",
      "flag bool [3] 010001",
      "kernel float32 [2, 2] 0000803f000000800000c07f00008040",
      "step int32 [] f9ffffff",
    ]);
  },
  !reference,
);

testFile("writeSafetensors() writes the format byte by byte", async (path) => {
  await writeSafetensors(path, TENSORS, { note: 'a "quoted" text' });
  const code = `
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
length, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + length].decode("utf-8"))
metadata = header.pop("__metadata__")
assert metadata["note"] == 'a "quoted" text' and length % 8 == 0
digest = metadata["sha256"].encode()
assert hashlib.sha256(data.replace(digest, b"0" * 64)).hexdigest().encode() == digest
body, end = data[8 + length:], 0
for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    begin, after = entry["data_offsets"]
    assert begin == end
    end = after
assert end == len(body)
for name, entry in sorted(header.items()):
    begin, after = entry["data_offsets"]
    print(name, entry["dtype"], entry["shape"], body[begin:after].hex())
`;
  assertEquals(await runPython(code, path), [
    "../../etc/passwd F64 [1] 9a9999999999b93f",
    "empty F32 [0, 3] ",
    "flag BOOL [3] 010001",
    "kernel F32 [2, 2] 0000803f000000800000c07f00008040",
    "step I32 [] f9ffffff",
  ]);
}, !python);

testFile("SafetensorsFile.verify() accepts every kind of tensor", async (path) => {
  await writeSafetensors(path, TENSORS);
  await writeSafetensors(path, TENSORS);
  using file = await SafetensorsFile.open(path);
  await file.verify();
  for (const [name, tensor] of TENSORS) assertEquals(await file.read(name), tensor);
  assertEquals(Array.from(Deno.readDirSync(path.replace(/[^/]*$/, ""))).length, 1);
});

testFile("SafetensorsFile detects each of 1,000 random byte flips", async (path) => {
  await writeSafetensors(path, TENSORS, { state: JSON.stringify({ epoch: 3 }) });
  const whole = await Deno.readFile(path);
  for (let flip = 0; flip < 1000; flip++) {
    const bytes = whole.slice();
    bytes[Math.floor(Math.random() * bytes.length)] ^= 1 + Math.floor(Math.random() * 255);
    await Deno.writeFile(path, bytes);
    const error = await assertRejects(async () => {
      using file = await SafetensorsFile.open(path);
      await file.verify();
    }, StorageError);
    assertEquals(error.problem, "damaged");
  }
});

testFile("SafetensorsFile detects a file that is truncated anywhere", async (path) => {
  const values = Float32Array.from({ length: 4096 }, (_, index) => index);
  await writeSafetensors(path, new Map([["w", { dtype: "F32", shape: [4096], values }]]));
  const whole = await Deno.readFile(path);
  for (let length = 0; length < whole.length; length += 1024) {
    await Deno.writeFile(path, whole.subarray(0, length));
    await assertRejects(() => SafetensorsFile.open(path), StorageError);
  }
});

testFile("SafetensorsFile refuses overlapping, missing and absurd positions", async (path) => {
  const open = async (header: unknown, data: number) => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    await Deno.writeFile(path, bytes);
    (await SafetensorsFile.open(path)).close();
  };
  const entry = (begin: number, end: number) => ({
    dtype: "F32",
    shape: [(end - begin) / 4],
    data_offsets: [begin, end],
  });
  await open({ a: entry(0, 4), b: entry(4, 8) }, 8);
  for (
    const [header, data] of [
      [{ a: entry(0, 4), b: entry(0, 4) }, 4],
      [{ a: entry(0, 4), b: entry(8, 12) }, 12],
      [{ a: entry(0, 4) }, 8],
      [{ a: entry(0, 8) }, 4],
      [{ a: { ...entry(0, 4), shape: [2 ** 60] } }, 4],
      [{ a: { ...entry(0, 4), shape: [-1] } }, 4],
      [{ a: null }, 0],
      [[1], 0],
      [{ __metadata__: { a: 1 } }, 0],
    ] as const
  ) {
    await assertRejects(() => open(header, data), StorageError, "Cannot read");
  }
});

testFile(
  "writeSafetensors() flushes a file before it appears, and its folder after",
  async (path) => {
    const { sync } = OpenFile.prototype;
    const { rename } = fs;
    const log: string[] = [];
    OpenFile.prototype.sync = async function () {
      log.push((await this.stat()).isFile ? "file" : "folder");
      return await sync.call(this);
    };
    fs.rename = async (from, to) => {
      log.push("rename");
      await rename(from, to);
    };
    try {
      await writeSafetensors(path, TENSORS);
    } finally {
      OpenFile.prototype.sync = sync;
      fs.rename = rename;
    }
    assertEquals(log, ["file", "rename", "folder"]);
  },
);

testFile("writeSafetensors() on a full disk leaves the old file", async (path) => {
  await writeSafetensors(path, TENSORS);
  const old = await Deno.readFile(path);
  const { write } = OpenFile.prototype;
  let left = 300;
  OpenFile.prototype.write = function (bytes, position) {
    if ((left -= bytes.length) < 0) return Promise.reject(new Error("No space left on device"));
    return write.call(this, bytes, position);
  };
  try {
    await assertRejects(() => writeSafetensors(path, TENSORS), Error, "No space left");
  } finally {
    OpenFile.prototype.write = write;
  }
  assertEquals(await Deno.readFile(path), old);
  const names = Array.from(Deno.readDirSync(path.replace(/[^/]*$/, "")), ({ name }) => name);
  assertEquals(names, ["tensors.safetensors"]);
  assert(old.length > 300);
});
