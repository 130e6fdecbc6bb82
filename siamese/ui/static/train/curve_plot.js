// CurvePlot: curves over the steps or the seconds of a run.

import { callout, clipped, line } from "../common/axes.js";
import { clock } from "../common/numbers.js";
import { Plot } from "../common/plot.js";
import { nearest, valueAt } from "../common/series.js";
import { theme } from "../common/theme.js";
import { linearTicks } from "../common/ticks.js";
import { steady, Tween } from "../common/tween.js";
import { isOver } from "./pace.js";

// The x axis grows with the run, the end of a curve glides to its newest point, and the pointer shows values. A
// subclass has main(), which returns the { xs, steps } of its main curve, and scale(glide), which sets the y axis.
export class CurvePlot extends Plot {
  constructor(kind) {
    super(kind);
    this.run = null;
    this.axis = "step"; // or "seconds"
    this.reach = new Tween(1);
    this.head = new Tween(null);
    this.marker = null; // the step that a replay stands at
    this.hover = null; // pixels from the left
    this.canvas.tabIndex = 0;
    const point = (event) => this.point(event.clientX - this.canvas.getBoundingClientRect().left);
    this.canvas.addEventListener("pointermove", point);
    this.canvas.addEventListener("pointerdown", point);
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("blur", () => this.point(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }
  point(x) {
    this.hover = x;
    this.redraw();
  }
  key(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move || !this.area) return;
    event.preventDefault();
    const { xs } = this.main();
    const at = this.hover == null ? xs.length - 1 : nearest(xs.map(this.area.X), this.hover) + move;
    if (xs.length) this.point(this.area.X(xs[Math.max(0, Math.min(xs.length - 1, at))]));
  }
  // Shows the newest snapshot. glide: milliseconds until the end of the curve reaches it.
  update(run, glide) {
    const fresh = this.run?.id !== run?.id;
    this.run = run;
    if (fresh) this.hover = null;
    this.settle(fresh ? 0 : glide);
  }
  settle(glide) {
    if (this.run) {
      const { xs } = this.main();
      const end = xs.at(-1) ?? null;
      this.head.go(end, end > this.head.to ? glide : 0, steady);
      this.reach.go(this.far(end ?? 0), glide, steady);
      this.scale(glide);
    }
    this.redraw();
  }
  // The end of the x axis. Early in a run it grows with the curve; later it is the last step of the run.
  far(end) {
    const { steps, step, state, seconds, seconds_left: left } = this.run;
    // All curves over steps have the same x axis, so that a step is at the same place in each.
    const byStep = this.axis === "step";
    if (byStep) end = Math.max(end, step);
    const total = byStep ? steps : (seconds ?? end) + (left ?? 0);
    if (isOver(state) || step >= steps) return Math.max(end, byStep && state === "done" ? steps : 0) || 1;
    return Math.max(end, Math.min(total || 1, Math.max(end * 2.2, byStep ? 10 : 2)));
  }
  xTicks(x, width) {
    const ticks = linearTicks(x.low, x.high, width / 80, this.axis === "step" ? 1 : 0);
    return this.axis === "step" ? ticks : ticks.map(({ at, text }) => ({ at, text: at >= 60 ? clock(at) : text }));
  }
  mark(step) {
    this.marker = step;
    this.redraw();
  }
  moving(now) {
    return this.head.moving(now) || this.reach.moving(now);
  }
  // Draws `body`, clipped at the gliding end of the curve.
  upTo(now, context, area, body) {
    const { left, top, bottom } = area;
    clipped(context, left - 3, top - 3, area.X(this.head.at(now)) - left + 5, bottom - top + 6, body);
  }
  drawMarker(context, area, xs, steps) {
    if (this.marker == null || !steps.length) return;
    const at = Math.round(area.X(this.axis === "step" ? this.marker : valueAt(steps, xs, this.marker))) + 0.5;
    context.strokeStyle = theme.soft;
    context.lineWidth = 1;
    context.setLineDash([]);
    line(context, at, area.top, at, area.bottom);
    context.fillStyle = theme.soft;
    context.beginPath();
    context.moveTo(at - 5, area.top - 4);
    context.lineTo(at + 5, area.top - 4);
    context.lineTo(at, area.top + 4);
    context.fill();
  }
  // Draws a line at x, dots on the curves there, and a card with their values.
  crosshair(context, width, height, area, x, dots, lines) {
    context.strokeStyle = theme.soft;
    context.lineWidth = 1;
    context.setLineDash([]);
    const at = Math.round(area.X(x)) + 0.5;
    line(context, at, area.top, at, area.bottom);
    context.fillStyle = theme.ink;
    for (const value of dots) {
      if (value == null) continue;
      context.beginPath();
      context.arc(at, Math.max(area.top, area.Y(value)), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
    callout(context, width, height, at, area.top + (area.bottom - area.top) * 0.35, lines);
  }
}
