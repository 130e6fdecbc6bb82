// The geometry of a tile's loss curve, apart from any page.

export const [WIDTH, HEIGHT] = [104, 92];

// The paths of the curve and the collapse line in a box of WIDTH by HEIGHT, or null where there is nothing to draw.
// The curve ends where the run stands: `steps` is the right edge. A value that is no number is left out.
export function paths({ curve, curve_steps, steps, collapse }) {
  const points = curve.map((value, k) => [curve_steps[k], value]).filter(([, value]) => value != null);
  const line = collapse > 0 ? collapse : null;
  const top = Math.max(line ?? 0, ...points.map(([, value]) => value));
  if (!(top > 0)) return { curve: "", collapse: "" };
  const x = (step) => 1 + ((WIDTH - 6) * step) / Math.max(1, steps);
  const y = (value) => 4 + (HEIGHT - 9) * (1 - Math.max(0, value) / top);
  const place = ([step, value]) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
  return {
    curve: points.length ? `M${points.map(place).join("L")}` : "",
    collapse: line === null ? "" : `M0 ${y(line).toFixed(1)}H${WIDTH}`,
  };
}
