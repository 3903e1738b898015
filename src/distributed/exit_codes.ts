/** What a job's exit code tells; those of `sysexits.h` where one fits. */
export const EXIT: { readonly failed: 70; readonly hung: 75; readonly left: 76 } = {
  /** An error was thrown. */
  failed: 70,
  /** A process took too long. */
  hung: 75,
  /** A process ended in the middle of a run. */
  left: 76,
};
