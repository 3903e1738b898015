/** A permission of Deno. */
export type Permission =
  | { name: "read"; path: string }
  | { name: "env"; variable: string };

/** Whether a permission is granted, without asking for it; runtimes without permissions grant all. */
export function isGranted(permission: Permission): boolean {
  return typeof Deno === "undefined" ||
    Deno.permissions.querySync(permission).state === "granted";
}
