import { fileSystem, isMissing } from "./files.ts";
import { builtinModule, hostProcess } from "./host_process.ts";

/** Name of the file of a lock, where folders cannot be locked. */
const LOCK = ".lock";

/** Number of looks at a file that has no content yet, and the time between them, in ms. */
const LOOKS = 5;
const GLANCE = 20;

/**
 * Locks a folder for this process.
 *
 * @returns Unlocks it; `undefined` if it is locked already, by this process or by another that is
 *   still alive.
 * @throws {Error} If there is no such folder, with the code `ENOENT`.
 */
export function lockFolder(folder: string): Promise<(() => void) | undefined> {
  return typeof Deno === "undefined" ? lockByFile(folder) : lockBySystem(folder);
}

/** The system releases the lock of a process that was killed. Only Deno has such locks. */
async function lockBySystem(folder: string): Promise<(() => void) | undefined> {
  const file = await open(folder);
  if (await tryLock(file)) return () => file.close();
  file.close();
}

/** Windows locks files only. */
async function open(folder: string): Promise<Deno.FsFile> {
  if (Deno.build.os !== "windows") return await Deno.open(folder);
  await Deno.stat(folder);
  return await Deno.open(`${folder}/${LOCK}`, { write: true, create: true });
}

/** Some network file systems have no locks: there, every run must know for itself. */
async function tryLock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
}

/** The folders that this process has locked by a file. */
const HELD = new Set<string>();

/** A file names the process that holds the lock. */
async function lockByFile(folder: string): Promise<(() => void) | undefined> {
  const { hostname } = builtinModule<{ hostname(): string }>("node:os")!;
  const { unlinkSync } = builtinModule<{ unlinkSync(path: string): void }>("node:fs")!;
  const path = `${await fileSystem.realpath(folder)}/${LOCK}`;
  const own = `${hostname()} ${hostProcess!.pid}`;
  while (true) {
    if (HELD.has(path)) return;
    try {
      await fileSystem.writeFile(path, own, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    if (isAlive(await holderOf(path), own)) return;
    await fileSystem.unlink(path).catch(ignoreMissing);
  }
  HELD.add(path);
  return () => {
    HELD.delete(path);
    try {
      unlinkSync(path);
    } catch {
      // The folder was removed.
    }
  };
}

async function holderOf(path: string): Promise<string> {
  for (let look = 0;; look++) {
    const holder = await fileSystem.readFile(path, "utf8").catch(ignoreMissing) ?? "";
    if (holder !== "" || look === LOOKS) return holder;
    await new Promise((resolve) => setTimeout(resolve, GLANCE));
  }
}

/** Whether a holder lives; the process of another machine is taken to live. */
function isAlive(holder: string, own: string): boolean {
  const [host, pid] = holder.split(" ");
  // A former process with the number of this one has ended: this one holds no lock.
  if (holder === "" || holder === own) return false;
  if (host !== own.split(" ")[0]) return true;
  try {
    hostProcess!.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
