// The geometry of the loss curve on a tile. It needs no page.

export const [WIDTH, HEIGHT] = [104, 92];

// The SVG paths of the curve and the collapse line in a box of WIDTH by HEIGHT; "" where there is nothing to draw.
// The right edge is the last step of the run, `steps`. Values that are not numbers are left out.
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
