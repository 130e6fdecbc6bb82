// The icons on the buttons of this tab.

import { shape } from "../common/svg.js";

const PATHS = {
  draw: "M2.5 13.5l.8-3.2L10.8 2.8l2.4 2.4-7.5 7.5z",
  file: "M8 11V2.5M4.8 5.5L8 2.3l3.2 3.2M2.5 10.5v3h11v-3",
  photo: "M1.8 4.8h3l1-1.8h4.4l1 1.8h3v8.4H1.8zM8 6.4a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8",
};

export function icon(name) {
  const drawing = shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  drawing.append(shape("path", { d: PATHS[name] }));
  return drawing;
}
