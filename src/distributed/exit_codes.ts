/** The exit codes of a job, those of `sysexits.h` where one fits. */
export const EXIT: { readonly failed: 70; readonly hung: 75; readonly left: 76 } = {
  /** An error was thrown. */
  failed: 70,
  /** A rank took too long. */
  hung: 75,
  /** A rank exited in the middle of a run. */
  left: 76,
};
