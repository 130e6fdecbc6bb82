// The loss of a run: training and validation, the collapse line, and other runs dashed behind them.

import { axes, clipped, line, trace } from "../common/axes.js";
import { clock, short, whole } from "../common/numbers.js";
import { nearest, quantile, smooth, valueAt } from "../common/series.js";
import { font, theme } from "../common/theme.js";
import { linearTicks, logTicks } from "../common/ticks.js";
import { Tween } from "../common/tween.js";
import { CurvePlot } from "./curve_plot.js";

const DASHES = [
  [9, 4],
  [2, 3],
  [12, 3, 2, 3],
];

export class LossPlot extends CurvePlot {
  constructor({ words, say }) {
    super("loss-plot");
    Object.assign(this, { words, sentence: say, log: false, overlays: [], smoothed: [] });
    this.low = new Tween(0);
    this.high = new Tween(1);
  }
  main() {
    const loss = this.run?.loss;
    return { xs: loss?.[this.axis] ?? [], steps: loss?.step ?? [], raw: loss?.value ?? [] };
  }
  // name: "log", true or false, or "axis", "step" or "seconds".
  set(name, value) {
    this[name] = value;
    this.settle(0);
  }
  update(run, glide) {
    this.smoothed = smooth(run?.loss?.value ?? []);
    super.update(run, glide);
  }
  toAxis(value) {
    if (value == null || !this.log) return value;
    return value > 0 ? Math.log10(value) : -Infinity;
  }
  // The linear axis starts at zero. It ends above nearly all values: one high first step must not flatten the rest.
  scale(glide) {
    const { loss, validation } = this.run;
    const others = this.overlays.flatMap((other) => other.smoothed);
    const values = [...this.smoothed, ...(validation?.loss ?? []), ...others].filter((value) => value != null);
    if (!values.length) return;
    let [low, high] = [
      0,
      Math.max(1.1 * quantile(values, 0.97), 1.2 * quantile(loss.value, 0.95), 1.12 * (loss.collapse ?? 0), 1e-6),
    ];
    if (this.log) {
      const above = [...values, ...loss.value].filter((value) => value > 0);
      if (loss.collapse > 0) above.push(loss.collapse);
      if (!above.length) above.push(1);
      low = Math.log10(Math.max(quantile(above, 0.01), Math.max(...above) * 1e-6)) - 0.08;
      high = Math.log10(Math.max(quantile(above, 0.995), loss.collapse ?? 0)) + 0.1;
    }
    const smoothly = Math.min(glide, 500);
    this.low.go(low, smoothly);
    this.high.go(high, smoothly);
  }
  paint(context, width, height, now) {
    if (!this.run || !this.main().xs.length) {
      const bare = { low: 0, high: 1, ticks: [] };
      axes(context, width, height, { x: bare, y: bare });
      return false;
    }
    const { loss } = this.run;
    const { xs, steps } = this.main();
    const y = { low: this.low.at(now), high: this.high.at(now) };
    y.ticks = (this.log ? logTicks : linearTicks)(y.low, y.high, height / 36);
    const x = { low: 0, high: this.reach.at(now) };
    x.ticks = this.xTicks(x, width);
    const area = (this.area = axes(context, width, height, { x, y, name: this.words[this.axis] }));
    context.lineJoin = "round";
    context.lineCap = "butt";
    this.drawCollapse(context, area, loss);
    this.drawOverlays(context, area);
    this.upTo(now, context, area, () => this.drawCurves(context, area));
    if (this.run.state === "running") this.drawTip(context, area, this.head.at(now));
    this.drawMarker(context, area, xs, steps);
    if (this.hover != null) this.drawHover(context, width, height, area);
    return this.moving(now) || this.low.moving(now) || this.high.moving(now);
  }
  drawOverlays(context, area) {
    context.strokeStyle = theme.soft;
    context.lineWidth = 1.8;
    const { left, top, right, bottom } = area;
    clipped(context, left, top - 3, right - left, bottom - top + 6, () =>
      this.overlays.forEach((other, k) => {
        context.setLineDash(DASHES[k]);
        trace(context, other.loss[this.axis], this.levels(other.smoothed), area);
      }),
    );
  }
  levels(values) {
    return values.map((value) => this.toAxis(value));
  }
  drawCurves(context, area) {
    const { xs, raw } = this.main();
    const { validation } = this.run;
    context.strokeStyle = theme.ink;
    context.setLineDash([]);
    context.globalAlpha = 0.28;
    context.lineWidth = 1;
    trace(context, xs, this.levels(raw), area);
    context.globalAlpha = 1;
    context.lineWidth = 1.1;
    trace(context, validation?.[this.axis] ?? [], this.levels(validation?.loss ?? []), area);
    context.lineWidth = 2.6;
    trace(context, xs, this.levels(this.smoothed), area);
  }
  drawTip(context, area, head) {
    const tip = this.toAxis(valueAt(this.main().xs, this.smoothed, head));
    if (!Number.isFinite(tip)) return;
    context.fillStyle = theme.ink;
    context.beginPath();
    context.arc(area.X(head), Math.max(area.top, area.Y(tip)), 4, 0, 2 * Math.PI);
    context.fill();
  }
  drawCollapse(context, area, loss) {
    if (!(loss.collapse > 0)) return;
    const at = Math.round(area.Y(this.toAxis(loss.collapse))) + 0.5;
    if (at < area.top - 2 || at > area.bottom) return;
    context.strokeStyle = theme.soft;
    context.lineWidth = 1.8;
    context.setLineDash([2, 4]);
    line(context, area.left, at, area.right, at);
    const text = this.sentence("collapse_line", { name: loss.collapse_name ?? "", value: short(loss.collapse) });
    context.setLineDash([]);
    context.font = font();
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    const up = at - 6 > theme.text + 1 ? at - 6 : at + theme.text + 4;
    // A border in the card's colour keeps the words legible in front of the curve.
    context.strokeStyle = theme.card;
    context.lineWidth = 4;
    context.strokeText(text, area.right - 2, up);
    context.fillStyle = theme.soft;
    context.fillText(text, area.right - 2, up);
  }
  drawHover(context, width, height, area) {
    const { xs, steps, raw } = this.main();
    const i = nearest(xs.map(area.X), this.hover);
    const { validation, loss } = this.run;
    const lines = [
      `${this.sentence("at_step", { step: whole(steps[i]) })} · ${clock(loss.seconds[i])}`,
      this.sentence("training_at", { smooth: short(this.smoothed[i]), raw: short(raw[i]) }),
    ];
    const v = nearest(validation?.[this.axis] ?? [], xs[i]);
    if (v >= 0) {
      const [value, step] = [short(validation.loss[v]), whole(validation.step[v])];
      lines.push(this.sentence("validation_at", { value, step }));
    }
    for (const other of this.overlays) {
      const k = nearest(other.loss[this.axis], xs[i]);
      if (k >= 0) lines.push(`${other.label}: ${short(other.smoothed[k])}`);
    }
    this.crosshair(context, width, height, area, xs[i], this.levels([this.smoothed[i]]), lines);
  }
}

// Each overlay needs a dash pattern of its own.
export const MOST_OVERLAYS = DASHES.length;
