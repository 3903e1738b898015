/**
 * A browser for tests: Debian's Chromium, where it is installed.
 *
 * @module
 */
import type { Browser, Page } from "npm:playwright-core@1.65.1";

export type { Page };

const PATH = "/usr/bin/chromium";

/** Whether there is no Chromium, or this process may not start it. */
export const noBrowser: boolean = await (async () => {
  for (const name of ["run", "read", "write", "net", "env", "sys"] as const) {
    if ((await Deno.permissions.query({ name })).state !== "granted") return true;
  }
  return !(await Deno.stat(PATH).catch(() => undefined));
})();

/** Flags that give Chromium a WebGPU adapter which computes in software, if its build has one. */
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Opens a browser, with some flags, for some work. */
export async function withBrowser(
  work: (browser: Browser) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  // Imported late: it reads the environment at once, and the process may lack that permission.
  const { chromium } = await import("npm:playwright-core@1.65.1");
  const args = ["--no-sandbox", ...flags];
  const browser = await chromium.launch({ executablePath: PATH, args });
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}

/** Collects the errors of a page and of its console. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const lost = /ERR_CONNECTION_REFUSED|WebSocket connection/.test(message.text());
    if (message.type() === "error" && !lost) complaints.push(message.text());
  });
  return complaints;
}
