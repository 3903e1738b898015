/**
 * Looks for a WebGPU adapter on this machine.
 *
 * @module
 */

/** A WebGPU adapter, as far as the choice of a backend depends on it. */
export interface Adapter {
  /** The name that the driver gives it. */
  name: string;
  /** Whether it computes on the CPU. */
  software: boolean;
}

/** Names of software rasterizers, for platforms that do not set the flag. */
const RASTERIZERS = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/** Returns the adapter that WebGPU would use, or `undefined` if there is none. */
export async function probeWebGPU(): Promise<Adapter | undefined> {
  const { gpu } = navigator as { gpu?: GPU };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return undefined;
  const { description, device, vendor, isFallbackAdapter } = adapter.info;
  const name = description || device || vendor || "an unnamed adapter";
  return { name, software: isFallbackAdapter || RASTERIZERS.test(name) };
}
