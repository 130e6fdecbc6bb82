// Plot: a canvas that fills its box, and the one loop that draws all of them.

import { make, setText } from "./dom.js";

// One animation loop for all canvases. onRate is called with the number of frames a second.
const animation = { plots: new Set(), last: null, gaps: [], onRate: () => {} };

export function onFrameRate(action) {
  animation.onRate = action;
}

function request(plot) {
  if (!animation.plots.size) requestAnimationFrame(draw);
  animation.plots.add(plot);
}

function draw(now) {
  const { plots, gaps } = animation;
  if (animation.last !== null && now > animation.last) {
    gaps.push(now - animation.last);
    if (gaps.length > 90) gaps.shift();
    animation.onRate((1000 * gaps.length) / gaps.reduce((sum, gap) => sum + gap, 0));
  }
  for (const plot of [...plots]) if (!plot.drawAt(now)) plots.delete(plot);
  animation.last = plots.size ? now : null;
  if (plots.size) requestAnimationFrame(draw);
}

// A canvas at the screen's own resolution. A subclass has paint(context, width, height, now), in CSS pixels, which
// returns whether something is still moving at that time.
export class Plot {
  constructor(kind) {
    this.box = make("div", `plot ${kind}`);
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.note = make("p", "plot-note");
    this.box.append(this.canvas, this.note);
    this.context = this.canvas.getContext("2d");
    this.width = this.height = 0;
    this.inSight = true;
    this.describedAt = this.pending = 0;
    new ResizeObserver(() => {
      [this.width, this.height] = [this.box.clientWidth, this.box.clientHeight];
      this.redraw();
    }).observe(this.box);
    new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting;
      if (this.inSight) this.redraw();
    }).observe(this.box);
  }
  redraw() {
    request(this);
  }
  // A plot that is scrolled out of sight is drawn once, in its final state, and not sixty times a second.
  drawAt(now) {
    if (!this.width || !this.height) return false;
    const ratio = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down)
      [this.canvas.width, this.canvas.height] = [across, down];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return this.paint(this.context, this.width, this.height, this.inSight ? now : Infinity);
  }
  // The text for a screen reader: the newest values, but not every second.
  describe(text) {
    this.description = text;
    const speak = () => {
      this.pending = 0;
      this.describedAt = performance.now();
      this.canvas.setAttribute("aria-label", this.description);
    };
    const due = this.describedAt ? this.describedAt + 4000 - performance.now() : 0;
    if (due <= 0) speak();
    else this.pending ||= setTimeout(speak, due);
  }
  // Shows a sentence instead of a drawing.
  say(text) {
    setText(this.note, text ?? "");
    this.note.hidden = !text;
  }
}
