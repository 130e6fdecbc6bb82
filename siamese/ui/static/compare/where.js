// Where a dissimilarity comes from: maps of what hiding each place of a picture does, and a patch to hide by hand.

import { make } from "../common/dom.js";
import { fixed } from "../common/numbers.js";
import { shape } from "../common/svg.js";

let count = 0;

// answer: as `where` of siamese/ui/compare/server.py gives it.
export function createWhere(words, say, answer) {
  const element = make("div", "where-view");
  const maps = make("div", "where");
  const id = `where-${++count}`;
  const strongest = Math.max(...answer.cells.flat().map(Math.abs), 1e-9);
  const patches = answer.patches.length;
  const frames = answer.seen.map((url, side) => {
    const figure = make("figure");
    const map = make("div", "map");
    const image = make("img");
    image.src = url;
    image.alt = words[side ? "second_map" : "first_map"];
    const cells = Math.round(Math.sqrt(answer.cells[side].length));
    const layer = shape("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    const hatch = shape("pattern", { id: `${id}-${side}`, width: 0.05, height: 0.05, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(shape("rect", { width: 0.026, height: 0.05, fill: "#f08a4b" }));
    layer.append(hatch);
    answer.cells[side].forEach((value, i) => {
      const strength = Math.abs(value) / strongest;
      if (strength < 0.1) return;
      layer.append(
        shape("rect", {
          x: (i % cells) / cells,
          y: Math.floor(i / cells) / cells,
          width: 1.02 / cells,
          height: 1.02 / cells,
          fill: value > 0 ? "#56a8dc" : `url(#${id}-${side})`,
          opacity: Math.min(0.95, strength + 0.08).toFixed(2),
        }),
      );
    });
    const patch = shape("rect", { class: "patch", visibility: "hidden" });
    layer.append(patch);
    map.append(image, layer);
    // A click hides the patch with the nearest middle.
    map.onclick = (event) => {
      const box = map.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      const away = answer.patches.map(([l, t, w, h]) => Math.hypot(l + w / 2 - x, t + h / 2 - y));
      slider.value = side * patches + away.indexOf(Math.min(...away));
      show();
    };
    figure.append(map, make("figcaption", "soft", words[side ? "second" : "first"]));
    maps.append(figure);
    return patch;
  });
  const keys = make("div", "keys");
  for (const kind of ["same", "different"]) {
    const line = make("p");
    line.append(make("i", kind), make("span", "", words[`${kind}_map`]));
    keys.append(line);
  }
  const [side, patch] = answer.decisive;
  const agree = Math.abs(answer.checked - answer.hidden[side][patch]) < 0.001 * Math.max(1, Math.abs(answer.checked));
  keys.append(make("p", "soft", say(agree ? "checked" : "not_checked", { said: fixed(answer.hidden[side][patch], 4), found: fixed(answer.checked, 4) })));
  maps.append(keys);

  const row = make("label", "slider");
  const slider = make("input");
  Object.assign(slider, { type: "range", min: 0, max: 2 * patches - 1, value: side * patches + patch });
  const number = make("b", "num");
  row.append(make("span", "", words.hide), slider, number);
  slider.oninput = show;

  function show() {
    const value = Number(slider.value);
    const [of, which] = [Math.floor(value / patches), value % patches];
    frames.forEach((frame, i) => frame.setAttribute("visibility", i === of ? "visible" : "hidden"));
    const [x, y, width, height] = answer.patches[which];
    for (const [name, at] of Object.entries({ x, y, width, height })) frames[of].setAttribute(name, at);
    number.textContent = `${fixed(answer.dissimilarity, 4)} → ${fixed(answer.hidden[of][which], 4)}`;
    slider.setAttribute("aria-valuetext", `${words[of ? "second" : "first"]}: ${number.textContent}`);
  }

  show();
  element.append(maps, row);
  return element;
}
