import { describeValue } from "../checks/check_options.ts";

/**
 * Checks the form of a drawing.
 *
 * @throws {TypeError} If it is neither `"compact"` nor `"full"`.
 */
export function checkForm(form: string): void {
  if (form === "compact" || form === "full") return;
  throw new TypeError(
    `Cannot draw a chart as form must be "compact" or "full": current value is ${
      describeValue(form)
    }`,
  );
}
