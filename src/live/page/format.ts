const counts = new Intl.NumberFormat("en-US");

/** Formats a count: `12,345`. */
export function count(value: number): string {
  return counts.format(Math.round(value));
}

/** Formats a number of any size with up to four significant digits: `0.08731`, `1.2e-5`. */
export function number(value: number | null | undefined): string {
  if (value === null) return "NaN";
  if (value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  return String(Number(value.toPrecision(4)));
}

/** Formats a duration: `1:02:03`, `4:05`, `8.2 s`. */
export function clock(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Formats a size in memory: `1.4 MB`. */
export function bytes(value: number | null): string {
  if (value === null) return "–";
  const units = ["B", "KB", "MB", "GB"];
  const power = value > 0 ? Math.min(3, Math.floor(Math.log10(value) / 3)) : 0;
  const scaled = value / 1000 ** power;
  return `${scaled.toFixed(power > 0 && scaled < 100 ? 1 : 0)} ${units[power]}`;
}
