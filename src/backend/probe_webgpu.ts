/**
 * Looks for a WebGPU adapter on this machine.
 *
 * @module
 */
import { hostProcess, isGranted } from "../host/host_process.ts";

/** A WebGPU adapter, as far as the choice of a backend depends on it. */
export interface Adapter {
  /** The name that the driver gives it. */
  name: string;
  /** Whether it computes on the CPU. */
  software: boolean;
}

/** Names of software rasterizers, for platforms that do not set the flag. */
const RASTERIZERS = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/** Returns the adapter that WebGPU would use, or `undefined` without one. */
export async function probeWebGPU(): Promise<Adapter | undefined> {
  const { gpu } = navigator as { gpu?: GPU };
  if (!gpu) return undefined;
  const restore = giveRuntimeFolder();
  const adapter = await gpu.requestAdapter().catch(() => null).finally(restore);
  if (!adapter) return undefined;
  const { description, device, vendor, isFallbackAdapter } = adapter.info;
  const name = description || device || vendor || "an unnamed adapter";
  return { name, software: isFallbackAdapter || RASTERIZERS.test(name) };
}

/**
 * Without a desktop, Linux has no `XDG_RUNTIME_DIR`, and the Wayland client inside the drivers prints
 * an error about that. A folder that does not exist is enough: there is no display in it either.
 *
 * @returns Removes the variable again.
 */
function giveRuntimeFolder(): () => void {
  const variable = "XDG_RUNTIME_DIR";
  const mayChange = hostProcess?.platform === "linux" && isGranted({ name: "env", variable });
  if (!mayChange) return () => {};
  const { env } = hostProcess!;
  if (env[variable]?.startsWith("/")) return () => {};
  env[variable] = "/nonexistent";
  return () => void delete env[variable];
}
