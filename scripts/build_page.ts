import { chartToSvg } from "../src/diagram/chart_to_svg.ts";
import { uPlotStyle } from "../src/deps/uplot.ts";
import chartStyle from "../src/live/page/chart.css" with { type: "text" };
import style from "../src/live/page/live.css" with { type: "text" };

/** A page that loads nothing else. */
export interface BuiltPage {
  readonly html: string;
  /** Its Content-Security-Policy: it may run its own script, and connect to its own server. */
  readonly policy: string;
}

/**
 * Bundles a script with the style of the live page and a drawing of the chart into one page.
 *
 * @param entry The script, which finds the drawing in the template `chart`.
 * @param title Title of the page.
 */
export async function buildPage(entry: URL, title: string): Promise<BuiltPage> {
  const script = (await bundle(entry)).replaceAll("</script", "<\\/script");
  const icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
    "%3Cpath d='M2 13 6 6l3 4 5-8' fill='none' stroke='%230072b2' stroke-width='2.4' " +
    "stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E";
  const html = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${title}</title><link rel="icon" href="${icon}">`,
    `<style>${squeeze(uPlotStyle + style + chartStyle)}</style></head><body>`,
    `<template id="chart">${(await chartToSvg()).trim()}</template>`,
    `<script type="module">${script}</script></body></html>`,
  ].join("\n");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${new Uint8Array(digest).toBase64()}'`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return { html, policy };
}

/** Bundles a module and all its imports into one script. */
export async function bundle(entry: URL): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--no-lock",
      "--platform",
      "browser",
      "--minify",
      "--keep-names",
      entry.href,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot bundle ${entry}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}

/** Removes comments and indentation. */
function squeeze(style: string): string {
  return style.replace(/\/\*.*?\*\//gs, "").replace(/\s*\n\s*/g, "");
}
