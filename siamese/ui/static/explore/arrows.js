// The arrows that show what a loss asks of a pair.

import { shape } from "../common/svg.js";

// For two pictures one above the other: arrows towards each other, arrows apart, or a dot for no force.
export function arrows(force, height) {
  const middle = height / 2;
  const frame = shape("svg", { class: "forces", width: 14, height, viewBox: `0 0 14 ${height}`, "aria-hidden": "true" });
  if (force === "none") frame.append(shape("circle", { cx: 7, cy: middle, r: 2.5, fill: "currentColor" }));
  else {
    const up = (y) => `M7 ${y + 26}V${y + 2}M2 ${y + 8}L7 ${y + 1}L12 ${y + 8}`;
    const down = (y) => `M7 ${y}V${y + 24}M2 ${y + 18}L7 ${y + 25}L12 ${y + 18}`;
    const d = force === "pull" ? down(middle - 34) + up(middle + 8) : up(middle - 36) + down(middle + 10);
    frame.append(shape("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 2.2 }));
  }
  return frame;
}
