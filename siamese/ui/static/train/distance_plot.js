// The two hills of one validation: histograms of the distances of same and of different pairs, with the threshold.

import { axes, clipped, line } from "../common/axes.js";
import { Plot } from "../common/plot.js";
import { rebin, shares } from "../common/series.js";
import { font, theme } from "../common/theme.js";
import { linearTicks } from "../common/ticks.js";
import { Tween } from "../common/tween.js";

const PARTS = ["edges", "same", "different", "threshold", "peak"];

// The hills of a validation. The axis reaches at least to `least`, the end of the axis of the run's first validation.
// So people see it when a network makes all distances smaller: in a collapse both hills fall onto one point.
export function hills(frame, least) {
  let { edges, same, different } = frame;
  if (edges.at(-1) < least) {
    const bins = same.length;
    const wide = Array.from({ length: bins + 1 }, (_, k) => (least * k) / bins);
    [same, different] = [rebin(edges, same, wide), rebin(edges, different, wide)];
    edges = wide;
  }
  // Shares and not counts, because there can be more different pairs than same ones.
  [same, different] = [shares(same), shares(different)];
  // The tip of a very high hill is cut off, or the other hill would be too flat to see.
  const [low, high] = [Math.max(...same), Math.max(...different)].sort((a, b) => a - b);
  return { edges, same, different, threshold: frame.threshold, peak: 1.06 * Math.min(high, 2.5 * low) || 1 };
}

// Whether nearly all pairs of both kinds lie in one bin.
export function isCollapsed({ same, different }) {
  const [most, at] = [Math.max(...same), same.indexOf(Math.max(...same))];
  return most > 0.95 && different[at] > 0.95;
}

export class DistancePlot extends Plot {
  constructor({ words }) {
    super("distance-plot");
    this.words = words;
    this.reset();
  }
  reset() {
    [this.parts, this.frame, this.least, this.collapsed] = [null, null, 0, false];
    this.redraw();
  }
  update(frame, length) {
    this.frame = frame;
    const next = hills(frame, this.least);
    this.collapsed = isCollapsed(next);
    this.parts ??= Object.fromEntries(PARTS.map((key) => [key, new Tween(null)]));
    for (const key of PARTS) this.parts[key].go(next[key], length);
    this.redraw();
  }
  // Sets the least end of the axis.
  widen(least) {
    if (least === this.least) return;
    this.least = least;
    if (this.frame) this.update(this.frame, 0);
  }
  paint(context, width, height, now) {
    if (!this.parts) {
      axes(context, width, height, { x: { low: 0, high: 1, ticks: [] }, y: { low: 0, high: 1, ticks: [] } });
      return false;
    }
    const [edges, same, different, threshold, peak] = PARTS.map((key) => this.parts[key].at(now));
    const x = { low: edges[0], high: edges.at(-1) };
    x.ticks = linearTicks(x.low, x.high, width / 80);
    const y = { low: 0, high: peak, ticks: [] };
    const area = axes(context, width, height, { x, y, name: this.words.dissimilarity });
    const limit = threshold == null ? null : Math.max(area.left, Math.min(area.right, area.X(threshold)));
    const headroom = theme.text * 1.6;
    const Y = (share) => area.bottom - (share / peak) * (area.bottom - area.top - headroom);
    const [top, wide] = [area.top + headroom - 4, area.right - area.left];
    clipped(context, area.left, top, wide, area.bottom - top, () => {
      this.drawBars(context, area, { edges, same, different, Y }, limit);
      this.drawHill(context, area, { edges, values: different, Y }, theme.different, true);
      this.drawHill(context, area, { edges, values: same, Y }, theme.same, false);
    });
    if (limit != null) this.drawThreshold(context, area, limit);
    return Object.values(this.parts).some((tween) => tween.moving(now));
  }
  // The exact shares; in full colour on the wrong side of the threshold.
  drawBars(context, area, { edges, same, different, Y }, limit) {
    const bars = (values) => {
      context.beginPath();
      values.forEach((share, k) => {
        const [left, right] = [area.X(edges[k]), area.X(edges[k + 1])];
        if (share > 0) context.rect(left, Y(share), Math.max(0.5, right - left - 1), area.bottom - Y(share));
      });
    };
    bars(different);
    context.fillStyle = this.hatch(theme.different, 0.5);
    context.fill();
    bars(same);
    context.fillStyle = theme.same;
    context.globalAlpha = 0.3;
    context.fill();
    context.globalAlpha = 1;
    if (limit == null) return;
    for (const [values, colour, from, to] of [
      [different, theme.different, area.left, limit],
      [same, theme.same, limit, area.right],
    ]) {
      clipped(context, from, 0, to - from, area.bottom, () => {
        bars(values);
        context.globalAlpha = 0.75;
        context.fillStyle = colour;
        context.fill();
      });
    }
  }
  drawHill(context, area, { edges, values, Y }, colour, double) {
    this.outline(context, area, edges, values, Y);
    context.setLineDash([]);
    context.strokeStyle = colour;
    context.lineWidth = double ? 4.2 : 2.6;
    context.stroke();
    if (!double) return;
    context.strokeStyle = theme.card;
    context.lineWidth = 1.5;
    context.stroke();
  }
  // A smooth curve through the tops of the bars; only the bars are exact.
  outline(context, area, edges, values, Y) {
    const at = (k) => values[Math.max(0, Math.min(values.length - 1, k))];
    const [first, last] = [values.findIndex((share) => share > 0), values.findLastIndex((share) => share > 0)];
    context.beginPath();
    if (first < 0) return;
    let [x, y] = [area.X(edges[first]), first ? area.bottom : Y(at(first))];
    context.moveTo(x, y);
    for (let k = first; k <= last; k++) {
      const right = (area.X(edges[k]) + area.X(edges[k + 1])) / 2;
      const up = Y(0.25 * at(k - 1) + 0.5 * at(k) + 0.25 * at(k + 1));
      context.bezierCurveTo((x + right) / 2, y, (x + right) / 2, up, right, up);
      [x, y] = [right, up];
    }
    context.lineTo(area.X(edges[last + 1]), last === values.length - 1 ? y : area.bottom);
  }
  drawThreshold(context, area, limit) {
    context.strokeStyle = theme.ink;
    context.lineWidth = 2.2;
    context.setLineDash([7, 5]);
    line(context, limit, area.top - 4, limit, area.bottom);
    context.setLineDash([]);
    context.font = font();
    context.fillStyle = theme.soft;
    context.textBaseline = "middle";
    const up = area.top + theme.text * 0.4;
    const [left, right] = [this.words.says_same, this.words.says_different];
    context.textAlign = "right";
    if (limit - area.left > context.measureText(left).width + 8) context.fillText(left, limit - 8, up);
    context.textAlign = "left";
    if (area.right - limit > context.measureText(right).width + 8) context.fillText(right, limit + 8, up);
  }
  hatch(colour, alpha) {
    const ratio = window.devicePixelRatio || 1;
    const key = `${colour} ${ratio}`;
    if (this.hatchKey === key) return this.pattern;
    const tile = document.createElement("canvas");
    const size = (tile.width = tile.height = Math.round(6 * ratio));
    const brush = tile.getContext("2d");
    brush.strokeStyle = colour;
    brush.globalAlpha = alpha;
    brush.lineWidth = size / 4;
    for (const shift of [-size, 0, size]) line(brush, shift - 1, size + 1, shift + size + 1, -1);
    this.pattern = this.context.createPattern(tile, "repeat");
    this.pattern.setTransform(new DOMMatrix().scale(1 / ratio));
    this.hatchKey = key;
    return this.pattern;
  }
}
