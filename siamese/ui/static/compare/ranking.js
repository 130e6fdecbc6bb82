// The things on the board as bars, the nearest first. Beyond the dashed line the picture shows none of them.

import { fixed } from "../common/numbers.js";
import { inkBox, inkPath } from "./ink.js";
import { shape } from "../common/svg.js";

const [WIDTH, ROW, TOP, LEFT, RIGHT] = [398, 34, 26, 128, 324];

// rows: [{ name, distance, picture: { strokes } or { url } }], the nearest first.
export function bars(rows, threshold, words) {
  const end = TOP + rows.length * ROW;
  const element = shape("svg", { class: "bars", viewBox: `0 0 ${WIDTH} ${end + 26}`, role: "img", "aria-label": words.ranking });
  const upper = Math.max(1.5 * threshold, 1.02 * rows.at(-1).distance, 1e-6);
  const at = (value) => LEFT + (value / upper) * (RIGHT - LEFT);
  const line = at(threshold);
  element.append(
    shape("text", { x: line - 8, y: 12, "text-anchor": "end" }, words.may_be),
    shape("text", { x: line + 9, y: 12, class: "strong" }, `${words.none} ▸`),
  );
  rows.forEach((row, i) => {
    const y = TOP + i * ROW + ROW / 2;
    const near = row.distance < threshold;
    element.append(thumbnail(row.picture, y, near));
    const name = row.name.length > 11 ? `${row.name.slice(0, 10)}…` : row.name;
    element.append(shape("text", { x: 40, y: y + 5, class: near ? "name strong" : "name far" }, name));
    if (near) element.append(shape("rect", { x: LEFT, y: y - 8, width: Math.max(1, at(row.distance) - LEFT), height: 16, class: "same-ink" }));
    else
      element.append(
        shape("path", { d: `M${LEFT} ${y - 3}H${at(row.distance)}M${LEFT} ${y + 3}H${at(row.distance)}M${at(row.distance)} ${y - 6}V${y + 6}`, class: "different-bar" }),
      );
    element.append(shape("text", { x: WIDTH, y: y + 5, "text-anchor": "end", class: near ? "val strong" : "val far" }, fixed(row.distance, 4)));
  });
  element.append(
    shape("path", { d: `M${LEFT} ${TOP}V${end}`, class: "axis" }),
    shape("path", { d: `M${line} 2V${end}`, class: "threshold" }),
    shape("text", { x: line, y: end + 18, "text-anchor": "middle" }, `${words.threshold} ${fixed(threshold, 4)}`),
  );
  return element;
}

function thumbnail({ strokes, url }, y, near) {
  const place = { x: 0, y: y - 15, width: 30, height: 30 };
  if (!strokes) return shape("image", { ...place, href: url });
  const drawing = shape("svg", { ...place, viewBox: inkBox(strokes), class: near ? "drawn" : "drawn far" });
  drawing.append(shape("path", { d: inkPath(strokes) }));
  return drawing;
}
