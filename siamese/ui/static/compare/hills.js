// The distances of unseen same and different pairs as two hills, with the threshold and the distance of this pair.

import { fixed } from "../common/numbers.js";
import { shape } from "../common/svg.js";

const [WIDTH, HEIGHT, TOP, LEFT, RIGHT] = [584, 184, 34, 8, 576];
const NARROW = matchMedia("(max-width: 560px)"); // on a narrow screen the letters are larger, in units of the drawing
let count = 0;

// words: { same, different, says_same, says_different, dissimilarity, this_pair, hills }
// → { element, show(card), mark(distance or null) }
export function createHills(words) {
  const id = `hills-${++count}`;
  const element = shape("svg", { viewBox: `0 -8 ${WIDTH} 220`, class: "chart", role: "img", "aria-label": words.hills });
  let upper = 1;
  const marker = shape("g");
  const at = (value) => LEFT + (Math.min(value, upper) / upper) * (RIGHT - LEFT);

  function show(card) {
    element.replaceChildren();
    if (!card.hills) return;
    upper = card.hills.upper;
    const { same, different } = card.hills;
    const points = (values) => values.map((v, i) => [LEFT + ((i + 0.5) / values.length) * (RIGHT - LEFT), HEIGHT - v * (HEIGHT - TOP)]);
    const line = (values) => "M" + points(values).map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    const area = (values) => `${line(values)}L${RIGHT} ${HEIGHT}L${LEFT} ${HEIGHT}Z`;
    const threshold = at(card.threshold);
    const hatch = shape("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(shape("rect", { width: 1.6, height: 6, class: "different-ink" }));
    const clip = (name, x, width) => {
      const path = shape("clipPath", { id: `${id}-${name}` });
      path.append(shape("rect", { x, y: 0, width, height: HEIGHT }));
      return path;
    };
    element.append(
      hatch,
      clip("below", 0, threshold),
      clip("above", threshold, WIDTH),
      shape("path", { d: area(same), class: "same-ink", opacity: 0.26 }),
      shape("path", { d: area(different), fill: `url(#${id})`, opacity: 0.5 }),
      shape("path", { d: area(different), class: "different-ink", opacity: 0.8, "clip-path": `url(#${id}-below)` }),
      shape("path", { d: area(same), class: "same-ink", opacity: 0.8, "clip-path": `url(#${id}-above)` }),
      shape("path", { d: line(different), class: "different-line outer" }),
      shape("path", { d: line(different), class: "inner" }),
      shape("path", { d: line(same), class: "same-line" }),
      shape("path", { d: `M${LEFT} ${HEIGHT}.5H${RIGHT}`, class: "axis" }),
      shape("path", { d: `M${threshold} 2V${HEIGHT}`, class: "threshold" }),
      shape("text", { x: threshold + 10, y: 12 }, `${words.says_different} ▸`),
    );
    const peak = (values) => points(values).reduce((best, point) => (point[1] < best[1] ? point : best));
    const [[sx, sy], [dx, dy]] = [peak(same), peak(different)];
    const letter = NARROW.matches ? 1.8 : 1;
    // Near the left edge there is only room for the name of the hill.
    if (threshold - 10 > 105 * letter) element.append(shape("text", { x: threshold - 10, y: 12, "text-anchor": "end" }, `◂ ${words.says_same}`));
    const room = sx + 24 < threshold - 46 * letter;
    // The words of the pair stand 57 below the top; the name of a high hill stands above them.
    const beside = sy < 76 ? 34 * letter : sy + 24;
    element.append(
      shape("text", { x: room ? sx + 24 : sx < 40 ? LEFT : sx, y: room ? beside : sy - 6, class: "is-same", "text-anchor": room ? "start" : sx < 40 ? "start" : "middle" }, words.same),
      shape("text", { x: Math.min(dx, RIGHT - 40), y: dy - 12 < 24 ? dy + 24 : dy - 12, "text-anchor": "middle", class: "is-different" }, words.different),
      shape("text", { x: threshold, y: HEIGHT + 24, "text-anchor": "middle", class: "strong" }, fixed(card.threshold, 4)),
      shape("text", { x: RIGHT, y: HEIGHT + 24, "text-anchor": "end" }, words.dissimilarity),
      marker,
    );
    if (threshold > 60 * letter) element.append(shape("text", { x: LEFT, y: HEIGHT + 24 }, fixed(0, 1)));
    for (const part of [0.5, 0.75]) {
      const x = LEFT + part * (RIGHT - LEFT);
      // Room is needed beside the threshold and before the name of the axis.
      if (Math.abs(x - threshold) > 50 * letter && x < RIGHT - 100 * letter) element.append(shape("text", { x, y: HEIGHT + 24, "text-anchor": "middle" }, fixed(part * upper, 1)));
    }
  }

  function mark(distance) {
    marker.replaceChildren();
    if (distance == null) return;
    const x = at(distance);
    const end = x > 0.72 * WIDTH;
    marker.append(
      shape("path", { d: `M${x} 52V${HEIGHT}`, class: "needle" }),
      shape("circle", { cx: x, cy: 52, r: 3.5, class: "ink-fill" }),
      shape("circle", { cx: x, cy: HEIGHT, r: 8, class: "ink-fill ringed" }),
      shape("text", { x: x + (end ? -12 : 12), y: 57, "text-anchor": end ? "end" : "start", class: "strong here" }, `${words.this_pair} ${fixed(distance, 4)}`),
    );
  }

  return { element, show, mark };
}
