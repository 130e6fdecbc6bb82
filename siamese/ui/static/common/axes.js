// Helpers to draw curves: axes, lines through points, and a card with values beside the pointer.

import { font, theme } from "./theme.js";

// Grid, tick labels and the name of the x axis. x and y are { low, high, ticks }. Returns the inner rectangle and the
// two maps X and Y from values to pixels.
// A label that would touch its neighbour is left out. The outermost labels stay inside the canvas.
export function axes(context, width, height, { x, y, name }) {
  context.font = font();
  context.fillStyle = theme.soft;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.setLineDash([]);
  const text = theme.text;
  const widest = Math.max(0, ...y.ticks.map((tick) => context.measureText(tick.text).width));
  const left = y.ticks.length ? Math.ceil(widest) + 9 : 2;
  const [right, top, bottom] = [width - 6, Math.ceil(text * 0.7), height - Math.ceil(text * 1.75)];
  const X = (value) => left + ((value - x.low) / (x.high - x.low || 1)) * (right - left);
  const Y = (value) => bottom - ((value - y.low) / (y.high - y.low || 1)) * (bottom - top);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of y.ticks) {
    const at = Math.round(Y(tick.at)) + 0.5;
    if (at < top - 1 || at > bottom + 1) continue;
    line(context, left, at, right, at);
    context.fillText(tick.text, left - 8, at);
  }
  line(context, left, bottom + 0.5, right, bottom + 0.5);
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  const nameWidth = name ? context.measureText(name).width : 0;
  const limit = width - 1 - (name ? nameWidth + 12 : 0);
  let free = 0;
  for (const tick of x.ticks) {
    const wide = context.measureText(tick.text).width;
    const begin = Math.max(1, Math.min(X(tick.at) - wide / 2, width - 1 - wide));
    if (begin < free || begin + wide > limit) continue;
    context.fillText(tick.text, begin, height - 3);
    free = begin + wide + 10;
  }
  if (name) context.fillText(name, width - 1 - nameWidth, height - 3);
  return { left, right, top, bottom, X, Y };
}

export function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

// Clips what `body` draws to a rectangle.
export function clipped(context, x, y, width, height, body) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  body();
  context.restore();
}

// A line through the values, with gaps where values are missing. A value without neighbours is a dot.
export function trace(context, xs, ys, area) {
  let pen = 0;
  context.beginPath();
  const lone = [];
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] == null) {
      pen = 0;
      continue;
    }
    const [at, up] = [area.X(xs[i]), area.Y(ys[i])];
    if (pen++) context.lineTo(at, up);
    else {
      context.moveTo(at, up);
      if (ys[i + 1] == null) lone.push([at, up]);
    }
  }
  context.stroke();
  for (const [at, up] of lone) {
    context.beginPath();
    context.arc(at, up, Math.max(2, context.lineWidth), 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle;
    context.fill();
  }
}

// A small card with lines of text beside a point, kept inside the canvas.
export function callout(context, width, height, x, y, lines) {
  context.font = font();
  const [pad, step] = [8, theme.text * 1.45];
  const wide = Math.max(...lines.map((text) => context.measureText(text).width)) + 2 * pad;
  const tall = lines.length * step + pad;
  const left = x + 12 + wide < width ? x + 12 : Math.max(1, x - 12 - wide);
  const top = Math.max(1, Math.min(y - tall / 2, height - tall - 1));
  card(context, left, top, wide, tall);
  context.fillStyle = theme.ink;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  lines.forEach((text, i) => context.fillText(text, left + pad, top + pad / 2 + step * (i + 0.75)));
}

// The background of a callout.
export function card(context, left, top, wide, tall) {
  context.fillStyle = theme.card;
  context.strokeStyle = theme.soft;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.beginPath();
  context.roundRect(left, top, wide, tall, 7);
  context.fill();
  context.stroke();
}
