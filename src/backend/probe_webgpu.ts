/**
 * What WebGPU offers on this machine.
 *
 * @module
 */

/** A WebGPU adapter, as far as choosing a backend needs to know it. */
export interface Adapter {
  /** What the driver calls it. */
  name: string;
  /** Whether it computes on the CPU. */
  software: boolean;
}

/** How software rasterizers call themselves, for platforms that do not set the flag. */
const rasterizers = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/** The adapter that WebGPU would use, or `undefined` if there is none. */
export async function probeWebGPU(): Promise<Adapter | undefined> {
  const { gpu } = navigator as { gpu?: GPU };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return undefined;
  const { description, device, vendor, isFallbackAdapter } = adapter.info;
  const name = description || device || vendor || "an unnamed adapter";
  return { name, software: isFallbackAdapter || rasterizers.test(name) };
}
