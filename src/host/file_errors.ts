/**
 * The errors of files.
 *
 * @module
 */

/** The message where there are no files. */
export const NO_FILES = "Cannot use a file: this runtime has no files, as a browser.";

/** Whether an error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ENOENT";
}

/** Classes of Deno's errors by code of the system. */
const CLASSES = {
  ENOENT: "NotFound",
  EEXIST: "AlreadyExists",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  ENOTDIR: "NotADirectory",
  EISDIR: "IsADirectory",
} as const;

/** Gives an error the class that Deno's own functions throw, and its name of the problem. */
export function withClass(error: unknown): unknown {
  const { code = "", message } = error as { code?: string; message: string };
  if (typeof Deno === "undefined" || !message.startsWith(`${code}: `)) return error;
  // "ENOENT: no such file" becomes "No such file".
  const text = message.slice(code.length + 2).replace(/^./, (letter) => letter.toUpperCase());
  const name = CLASSES[code as keyof typeof CLASSES];
  const Class = name ? Deno.errors[name] : Error;
  return Object.assign(new Class(text, { cause: error }), { code });
}
