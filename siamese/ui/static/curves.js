// Curves over steps or seconds: the loss, and the scores on the validation set.

const DASHES = [
  [9, 4],
  [2, 3],
  [12, 3, 2, 3],
];

// The mean of each value's neighbours, the nearest weighing most; it lags behind nothing and bends nothing sideways.
function smooth(values) {
  const reach = Math.max(1, Math.round(values.length / 24));
  return values.map((value, i) => {
    if (value == null) return null;
    let [sum, weight] = [0, 0];
    for (let k = Math.max(0, i - reach); k <= Math.min(values.length - 1, i + reach); k++) {
      if (values[k] == null) continue;
      const share = reach + 1 - Math.abs(k - i);
      sum += share * values[k];
      weight += share;
    }
    return sum / weight;
  });
}

const quantile = (values, share) => {
  const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null;
};

function nearest(xs, x) {
  let best = 0;
  for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
  return xs.length ? best : -1;
}

function valueAt(xs, ys, x) {
  const next = xs.findIndex((value) => value >= x);
  if (next < 0) return ys.at(-1);
  if (next === 0 || ys[next] == null || ys[next - 1] == null) return ys[next];
  return ys[next - 1] + ((ys[next] - ys[next - 1]) * (x - xs[next - 1])) / (xs[next] - xs[next - 1]);
}

// A plot whose x axis grows with the run, whose newest end glides, and which tells values under the pointer.
class CurvePlot extends Plot {
  constructor(kind) {
    super(kind);
    this.run = null;
    this.axis = "step";
    this.reach = new Tween(1);
    this.head = new Tween(null);
    this.marker = null;
    this.hover = null;
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
  // Shows the newest snapshot; `glide` is how many milliseconds the curve's end takes to get there.
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
  // The axis ends at the last step once a good part of the run is done; before, it follows, so that a beginning shows.
  far(end) {
    const { steps, step, seconds, seconds_left: left } = this.run;
    // The curves over steps share their extent, so that a step stands at the same place in each.
    if (this.axis === "step") end = Math.max(end, step);
    const total = this.axis === "step" ? steps : (seconds ?? end) + (left ?? 0);
    const over = OVER.includes(this.run.state) || step >= steps;
    if (over) return Math.max(end, this.axis === "step" && this.run.state === "done" ? steps : 0) || 1;
    return Math.max(end, Math.min(total || 1, Math.max(end * 2.2, this.axis === "step" ? 10 : 2)));
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
  upTo(now, context, area, body) {
    const head = this.head.at(now);
    context.save();
    context.beginPath();
    context.rect(area.left - 3, area.top - 3, area.X(head) - area.left + 5, area.bottom - area.top + 6);
    context.clip();
    body();
    context.restore();
  }
  drawMarker(context, area, xs, steps) {
    if (this.marker == null || !steps.length) return;
    const at = Math.round(area.X(this.axis === "step" ? this.marker : valueAt(steps, xs, this.marker))) + 0.5;
    context.strokeStyle = theme.soft;
    context.lineWidth = 1;
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(at, area.top);
    context.lineTo(at, area.bottom);
    context.stroke();
    context.fillStyle = theme.soft;
    context.beginPath();
    context.moveTo(at - 5, area.top - 4);
    context.lineTo(at + 5, area.top - 4);
    context.lineTo(at, area.top + 4);
    context.fill();
  }
  crosshair(context, width, height, area, x, dots, lines) {
    context.strokeStyle = theme.soft;
    context.lineWidth = 1;
    context.setLineDash([]);
    const at = Math.round(area.X(x)) + 0.5;
    context.beginPath();
    context.moveTo(at, area.top);
    context.lineTo(at, area.bottom);
    context.stroke();
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

class LossPlot extends CurvePlot {
  constructor() {
    super("loss-plot");
    this.log = false;
    this.low = new Tween(0);
    this.high = new Tween(1);
    this.overlays = [];
  }
  main() {
    const loss = this.run?.loss;
    return { xs: loss?.[this.axis] ?? [], steps: loss?.step ?? [], raw: loss?.value ?? [] };
  }
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
  // Linear: from zero to what nearly all values stay under, for one wild first step must not flatten the rest.
  scale(glide) {
    const { loss, validation } = this.run;
    const others = this.overlays.flatMap((other) => other.smoothed);
    const known = [...this.smoothed, ...(validation?.loss ?? []), ...others].filter((value) => value != null);
    if (!known.length) return;
    let [low, high] = [
      0,
      Math.max(1.1 * quantile(known, 0.97), 1.2 * quantile(loss.value, 0.95), 1.12 * (loss.collapse ?? 0), 1e-6),
    ];
    if (this.log) {
      const above = [...known, ...loss.value].filter((value) => value > 0);
      if (loss.collapse > 0) above.push(loss.collapse);
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
    const { loss, validation } = this.run;
    const { xs, steps, raw } = this.main();
    const y = { low: this.low.at(now), high: this.high.at(now) };
    y.ticks = (this.log ? logTicks : linearTicks)(y.low, y.high, height / 36);
    const x = { low: 0, high: this.reach.at(now) };
    x.ticks = this.xTicks(x, width);
    const area = (this.area = axes(context, width, height, { x, y, name: words[this.axis] }));
    const level = (values) => values.map((value) => this.toAxis(value));
    context.lineJoin = "round";
    context.lineCap = "butt";
    this.drawCollapse(context, area, loss);
    this.overlays.forEach((other, k) => {
      context.save();
      context.beginPath();
      context.rect(area.left, area.top - 3, area.right - area.left, area.bottom - area.top + 6);
      context.clip();
      context.strokeStyle = theme.soft;
      context.lineWidth = 1.8;
      context.setLineDash(DASHES[k]);
      trace(context, other.loss[this.axis], level(other.smoothed), area);
      context.restore();
    });
    this.upTo(now, context, area, () => {
      context.strokeStyle = theme.ink;
      context.setLineDash([]);
      context.globalAlpha = 0.28;
      context.lineWidth = 1;
      trace(context, xs, level(raw), area);
      context.globalAlpha = 1;
      context.lineWidth = 1.1;
      trace(context, validation?.[this.axis] ?? [], level(validation?.loss ?? []), area);
      context.lineWidth = 2.6;
      trace(context, xs, level(this.smoothed), area);
    });
    const head = this.head.at(now);
    const tip = this.toAxis(valueAt(xs, this.smoothed, head));
    if (this.run.state === "running" && Number.isFinite(tip)) {
      context.fillStyle = theme.ink;
      context.beginPath();
      context.arc(area.X(head), Math.max(area.top, area.Y(tip)), 4, 0, 2 * Math.PI);
      context.fill();
    }
    this.drawMarker(context, area, xs, steps);
    if (this.hover != null) this.drawHover(context, width, height, area);
    return this.moving(now) || this.low.moving(now) || this.high.moving(now);
  }
  drawCollapse(context, area, loss) {
    if (!(loss.collapse > 0)) return;
    const at = Math.round(area.Y(this.toAxis(loss.collapse))) + 0.5;
    if (at < area.top - 2 || at > area.bottom) return;
    context.strokeStyle = theme.soft;
    context.lineWidth = 1.8;
    context.setLineDash([2, 4]);
    context.beginPath();
    context.moveTo(area.left, at);
    context.lineTo(area.right, at);
    context.stroke();
    const text = say("collapse_line", { name: loss.collapse_name ?? "", value: short(loss.collapse) });
    context.setLineDash([]);
    context.font = font();
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    const up = at - 6 > theme.text + 1 ? at - 6 : at + theme.text + 4;
    // A rim of the card's colour keeps the words legible where the curve runs behind them.
    context.strokeStyle = theme.card;
    context.lineWidth = 4;
    context.strokeText(text, area.right - 2, up);
    context.fillStyle = theme.soft;
    context.fillText(text, area.right - 2, up);
  }
  drawHover(context, width, height, area) {
    const { xs, steps, raw } = this.main();
    const i = nearest(xs.map(area.X), this.hover);
    const { validation } = this.run;
    const lines = [
      `${say("at_step", { step: whole(steps[i]) })} · ${clock(this.run.loss.seconds[i])}`,
      say("training_at", { smooth: short(this.smoothed[i]), raw: short(raw[i]) }),
    ];
    const dots = [this.smoothed[i]];
    const v = nearest(validation?.[this.axis] ?? [], xs[i]);
    if (v >= 0) {
      lines.push(say("validation_at", { value: short(validation.loss[v]), step: whole(validation.step[v]) }));
    }
    for (const other of this.overlays) {
      const k = nearest(other.loss[this.axis], xs[i]);
      if (k >= 0) lines.push(`${other.label}: ${short(other.smoothed[k])}`);
    }
    this.crosshair(
      context,
      width,
      height,
      area,
      xs[i],
      dots.map((value) => this.toAxis(value)),
      lines,
    );
  }
}

const SCORE_NAMES = { pair_accuracy: "score_pair_accuracy", oneshot: "one_shot", auc: "score_auc" };

// Pair accuracy, one-shot accuracy and AUC over the steps, all of them shares between 0 and 1.
class ScorePlot extends CurvePlot {
  constructor() {
    super("score-plot");
  }
  main() {
    const validation = this.run?.validation;
    return { xs: validation?.step ?? [], steps: validation?.step ?? [] };
  }
  scale() {}
  paint(context, width, height, now) {
    const { xs, steps } = this.main();
    const ticks = xs.length ? [0, 0.5, 1].map((at) => ({ at, text: percent(at, 0) })) : [];
    const x = { low: 0, high: this.run ? this.reach.at(now) : 1, ticks: [] };
    if (xs.length) x.ticks = this.xTicks(x, width);
    const area = (this.area = axes(context, width, height, {
      x,
      y: { low: 0, high: 1, ticks },
      name: xs.length ? words.step : "",
    }));
    if (!xs.length) return false;
    const { validation } = this.run;
    const lines = this.lines();
    this.upTo(now, context, area, () => {
      for (const [name, wide, dash] of lines) {
        context.strokeStyle = name === "auc" ? theme.soft : theme.ink;
        context.lineWidth = wide;
        context.setLineDash(dash);
        trace(context, xs, validation[name], area);
      }
    });
    context.setLineDash([]);
    this.drawMarker(context, area, xs, steps);
    if (this.hover != null) {
      const i = nearest(xs.map(area.X), this.hover);
      const told = [say("at_step", { step: whole(xs[i]) })];
      for (const [name] of lines)
        told.push(
          `${words[SCORE_NAMES[name]]}: ${name === "auc" ? short(validation[name][i]) : percent(validation[name][i])}`,
        );
      this.crosshair(
        context,
        width,
        height,
        area,
        xs[i],
        lines.map(([name]) => validation[name][i]),
        told,
      );
    }
    return this.moving(now);
  }
  lines() {
    const all = [
      ["pair_accuracy", 2.6, []],
      ["oneshot", 1.2, []],
      ["auc", 1.4, [6, 4]],
    ];
    return all.filter(([name]) => this.run?.validation?.[name]?.some((value) => value != null));
  }
}
