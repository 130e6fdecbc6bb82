// What every panel shares: numbers, elements, colours, axes, and one animation loop for all canvases.

const NONE = "–";
const fixed = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = (value) => (value == null ? NONE : Math.round(value).toLocaleString(language));
const percent = (share, digits = 1) => (share == null ? NONE : fixed(100 * share, digits) + "\u00a0%");

function short(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1);
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

function clock(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  const total = Math.max(0, Math.round(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

const OVER = ["done", "stopped", "failed", "gone"];

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function toggle(text, pressed, onChange) {
  const button = make("button", "toggle", text);
  button.type = "button";
  button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    onChange(now);
  });
  return button;
}

let panelCount = 0;
function panel(name, title, sentence) {
  const section = make("section", `panel ${name}`);
  const head = make("div", "panel-head");
  const heading = make("h2", "", title);
  heading.id = `live-${name}-${++panelCount}`;
  section.setAttribute("aria-labelledby", heading.id);
  const tools = make("div", "tools");
  head.append(heading, tools);
  const lead = make("p", "lead", sentence);
  section.append(head, lead);
  return { section, heading, tools, lead };
}

function legend(entries) {
  const list = make("ul", "legend");
  for (const [kind, text] of entries) {
    const item = make("li");
    const label = make("span", "", text);
    item.append(make("i", `swatch ${kind}`), label);
    list.append(item);
  }
  return list;
}

const SHAPES = 8;
const theme = {};
function readTheme(root) {
  const style = getComputedStyle(root);
  for (const name of ["ink", "soft", "line", "card", "same", "different"])
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  theme.classes = [...Array(SHAPES).keys()].map((k) => style.getPropertyValue(`--class-${k}`).trim());
  theme.family = style.fontFamily;
  theme.text = 0.8 * parseFloat(style.fontSize);
}
const font = (scale = 1, weight = 400) => `${weight} ${theme.text * scale}px ${theme.family}`;

const still = matchMedia("(prefers-reduced-motion: reduce)");
const gentle = (share) => (share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);
const steady = (share) => share;

// A number, or a list of them, on its way from one value to the next.
class Tween {
  constructor(value) {
    this.jump(value);
  }
  jump(value) {
    this.from = this.to = value;
    this.length = 0;
  }
  go(value, length, ease = gentle) {
    const now = performance.now();
    const alike = Array.isArray(value) === Array.isArray(this.to) && value?.length === this.to?.length;
    if (!length || this.to == null || value == null || !alike || still.matches) return this.jump(value);
    [this.from, this.to, this.begin, this.length, this.ease] = [this.at(now), value, now, length, ease];
  }
  moving(now) {
    return this.length > 0 && now < this.begin + this.length;
  }
  at(now) {
    if (!this.moving(now)) return this.to;
    const share = this.ease(Math.max(0, now - this.begin) / this.length);
    const mix = (a, b) => a + (b - a) * share;
    return Array.isArray(this.to) ? this.to.map((b, i) => mix(this.from[i], b)) : mix(this.from, this.to);
  }
}

// One loop draws every canvas that has something to show, and measures how often.
const loop = { plots: new Set(), last: null, gaps: [], report: () => {} };
function request(plot) {
  if (!loop.plots.size) requestAnimationFrame(draw);
  loop.plots.add(plot);
}
function draw(now) {
  if (loop.last !== null && now > loop.last) {
    loop.gaps.push(now - loop.last);
    if (loop.gaps.length > 90) loop.gaps.shift();
    loop.report((1000 * loop.gaps.length) / loop.gaps.reduce((sum, gap) => sum + gap, 0));
  }
  for (const plot of [...loop.plots]) if (!plot.frame(now)) loop.plots.delete(plot);
  loop.last = loop.plots.size ? now : null;
  if (loop.plots.size) requestAnimationFrame(draw);
}

// A canvas that fills its box at the screen's own resolution. A subclass paints and says whether it is still moving.
class Plot {
  constructor(kind) {
    this.box = make("div", `plot ${kind}`);
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.note = make("p", "plot-note");
    this.box.append(this.canvas, this.note);
    this.context = this.canvas.getContext("2d");
    this.width = this.height = 0;
    this.spoken = this.pending = 0;
    new ResizeObserver(() => {
      [this.width, this.height] = [this.box.clientWidth, this.box.clientHeight];
      this.redraw();
    }).observe(this.box);
    // What is scrolled out of sight need not be drawn sixty times a second.
    this.inSight = true;
    new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting;
      if (this.inSight) this.redraw();
    }).observe(this.box);
  }
  redraw() {
    request(this);
  }
  frame(now) {
    if (!this.width || !this.height || !this.inSight) return false;
    const ratio = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down)
      [this.canvas.width, this.canvas.height] = [across, down];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return this.paint(this.context, this.width, this.height, now);
  }
  // A screen reader should hear the values, but not every second.
  describe(text) {
    this.words = text;
    const tell = () => {
      this.pending = 0;
      this.spoken = performance.now();
      this.canvas.setAttribute("aria-label", this.words);
    };
    const due = this.spoken ? this.spoken + 4000 - performance.now() : 0;
    if (due <= 0) tell();
    else this.pending ||= setTimeout(tell, due);
  }
  say(text) {
    setText(this.note, text ?? "");
    this.note.hidden = !text;
  }
}

function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10);
}

function linearTicks(low, high, count, least = 0) {
  if (!(high > low)) return [];
  const step = Math.max(least, niceStep(high - low, count));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const far = digits > 5 || high >= 1e7;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-6; k++) {
    const at = k * step || 0;
    ticks.push({
      at,
      text: far
        ? at
            .toExponential()
            .replace(/(\.\d)\d+/, "$1")
            .replace("e+", "e")
        : fixed(at, digits),
    });
  }
  return ticks;
}

// Powers of ten, with 2 and 5 between where there is room; low and high are logarithms to base 10.
function logTicks(low, high, count) {
  const factors = high - low < count / 3 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil((high - low) / count));
  const ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    if (power % stride) continue;
    for (const factor of factors) {
      const at = Math.log10(factor) + power;
      if (at >= low && at <= high)
        ticks.push({
          at,
          text: power < -3 || power > 4 ? `${factor}e${power}` : fixed(factor * 10 ** power, Math.max(0, -power)),
        });
    }
  }
  return ticks;
}

// Grid, tick labels and the name of the x axis. Returns the inner rectangle and the two maps from values to pixels.
// Labels are measured: those that would touch their neighbour are left out, and the outermost stay on the canvas.
function axes(context, width, height, { x, y, name }) {
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
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(right, at);
    context.stroke();
    context.fillText(tick.text, left - 8, at);
  }
  context.beginPath();
  context.moveTo(left, bottom + 0.5);
  context.lineTo(right, bottom + 0.5);
  context.stroke();
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

// A line through the values, broken where one is missing; a lone value is a dot, for it has no line yet.
function trace(context, xs, ys, area) {
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
function callout(context, width, height, x, y, lines) {
  context.font = font();
  const [pad, step] = [8, theme.text * 1.45];
  const wide = Math.max(...lines.map((line) => context.measureText(line).width)) + 2 * pad;
  const tall = lines.length * step + pad;
  const left = x + 12 + wide < width ? x + 12 : Math.max(1, x - 12 - wide);
  const top = Math.max(1, Math.min(y - tall / 2, height - tall - 1));
  context.fillStyle = theme.card;
  context.strokeStyle = theme.soft;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.beginPath();
  context.roundRect(left, top, wide, tall, 6);
  context.fill();
  context.stroke();
  context.fillStyle = theme.ink;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  lines.forEach((line, i) => context.fillText(line, left + pad, top + pad / 2 + step * (i + 0.75)));
}
