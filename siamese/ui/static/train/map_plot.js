// The embedding map: every image of one validation at the place of its embedding.

import { card, line } from "../common/axes.js";
import { Plot } from "../common/plot.js";
import { font, SHAPES, theme } from "../common/theme.js";
import { Tween } from "../common/tween.js";
import { OUTLINES } from "./outlines.js";

// The last words of a long name, because the names of one data set often begin alike.
const clip = (text, length) => (text.length > length ? "…" + text.slice(-length).replace(/^\S*\s+(?=\S)/, "") : text);

export class MapPlot extends Plot {
  constructor({ say }) {
    super("map-plot");
    this.sentence = say;
    this.thumbnails = true;
    this.reset();
    this.canvas.tabIndex = 0;
    const point = (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.choose(this.find(event.clientX - box.left, event.clientY - box.top));
    };
    this.canvas.addEventListener("pointermove", point);
    this.canvas.addEventListener("pointerdown", point);
    this.canvas.addEventListener("pointerleave", () => this.choose(null));
    this.canvas.addEventListener("blur", () => this.choose(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }
  reset() {
    [this.x, this.y, this.view] = [new Tween(null), new Tween(null), new Tween(null)];
    [this.sprite, this.selected, this.widest] = [null, null, 0];
    this.redraw();
  }
  update(frame, length) {
    this.widen(frame);
    this.x.go(frame.x, length);
    this.y.go(frame.y, length);
    this.fit(frame, length);
  }
  middle(frame) {
    const centre = [frame.x, frame.y].map((values) => (Math.min(...values) + Math.max(...values)) / 2);
    const half = [frame.x, frame.y].map((values, k) => Math.max(...values.map((value) => Math.abs(value - centre[k]))));
    return { centre, half };
  }
  // Remembers how far the points of the run have spread. The view fits the points, but zooms in no farther than to a
  // third of that, so that a collapse looks like one.
  widen(frame) {
    this.widest = Math.max(this.widest, ...this.middle(frame).half, 1e-9);
  }
  fit(frame, length) {
    const { centre, half } = this.middle(frame);
    this.view.go([...centre, ...half.map((span, k) => Math.max(span, this.widest * (k ? 0.2 : 0.35)))], length);
    this.redraw();
  }
  choose(index) {
    if (index === this.selected) return;
    this.selected = index;
    this.redraw();
  }
  find(left, top, least = 26) {
    let [best, far] = [null, least * least];
    this.positions?.forEach(([x, y], i) => {
      const away = (x - left) ** 2 + (y - top) ** 2;
      if (away < far) [best, far] = [i, away];
    });
    return best;
  }
  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") this.choose(null);
    if (!way || !this.positions?.length) return;
    event.preventDefault();
    const [x, y] = this.positions[this.selected] ?? [this.width / 2, this.height / 2];
    let [best, cost] = [this.selected ?? this.find(x, y, 1e9), Infinity];
    if (this.selected != null)
      this.positions.forEach(([px, py], i) => {
        const along = (px - x) * way[0] + (py - y) * way[1];
        const aside = Math.abs((px - x) * way[1]) + Math.abs((py - y) * way[0]);
        if (i !== this.selected && along > 0.5 && along + 2 * aside < cost) [best, cost] = [i, along + 2 * aside];
      });
    this.choose(best);
    if (best != null) this.canvas.setAttribute("aria-label", this.about(best));
  }
  // The five nearest points on the map.
  neighbours(index) {
    const [x, y] = this.positions[index];
    const away = ([px, py]) => (px - x) ** 2 + (py - y) ** 2;
    const order = [...this.positions.keys()].filter((i) => i !== index);
    return order.sort((a, b) => away(this.positions[a]) - away(this.positions[b])).slice(0, 5);
  }
  label(index) {
    return this.sprite?.labels[index] ?? null;
  }
  name(index) {
    return String(this.sprite?.names[this.label(index)] ?? "");
  }
  about(index) {
    const near = this.neighbours(index);
    const alike = near.filter((i) => this.label(i) === this.label(index)).length;
    return this.sentence("map_point", { name: this.name(index), alike, count: near.length });
  }
  colour(index) {
    return this.sprite ? theme.classes[this.label(index) % SHAPES] : theme.soft;
  }
  paint(context, width, height, now) {
    const [xs, ys, view] = [this.x.at(now), this.y.at(now), this.view.at(now)];
    if (!xs) return false;
    const ratio = window.devicePixelRatio || 1;
    const share = this.sprite && !this.sprite.strokes ? 0.8 : 0.62;
    const cell = Math.max(14, Math.min(40, Math.round(share * Math.sqrt((width * height) / xs.length))));
    const pad = cell * 0.75 + 2;
    const scale = Math.min((width / 2 - pad) / view[2], (height / 2 - pad) / view[3]);
    this.positions = xs.map((x, i) => [width / 2 + (x - view[0]) * scale, height / 2 - (ys[i] - view[1]) * scale]);
    const near = this.selected != null && this.selected < this.positions.length ? this.neighbours(this.selected) : null;
    if (near && this.sprite) this.drawLinks(context, near);
    context.globalAlpha = near ? 0.45 : 1;
    if (this.thumbnails && this.sprite) this.drawThumbnails(context, cell, ratio);
    else this.drawDots(context, Math.max(4, cell * 0.24), this.positions.keys());
    context.globalAlpha = 1;
    if (!this.thumbnails && this.sprite && !near) this.drawNames(context, width, height);
    if (near) {
      const group = [this.selected, ...near];
      if (this.thumbnails && this.sprite) this.drawThumbnails(context, cell, ratio, group);
      else this.drawDots(context, Math.max(4, cell * 0.24), group);
      if (this.sprite) this.drawCard(context, width, height, near);
    }
    return this.x.moving(now) || this.view.moving(now);
  }
  drawThumbnails(context, cell, ratio, indices = this.positions.keys()) {
    const { sprite } = this;
    const side = Math.round(cell * ratio);
    const atlas = sprite.atlas(side, theme.classes);
    for (const i of indices) {
      if (i >= sprite.labels.length) continue;
      const [x, y] = this.positions[i];
      const [column, row] = [i % sprite.columns, Math.floor(i / sprite.columns)];
      context.drawImage(atlas, column * side, row * side, side, side, x - cell / 2, y - cell / 2, cell, cell);
      if (sprite.strokes) continue;
      context.strokeStyle = this.colour(i);
      context.lineWidth = 2;
      context.strokeRect(x - cell / 2, y - cell / 2, cell, cell);
    }
  }
  drawDots(context, radius, indices) {
    context.lineWidth = 1;
    context.strokeStyle = theme.card;
    for (const i of indices) {
      const [x, y] = this.positions[i];
      const label = this.label(i) ?? 0;
      context.save();
      context.translate(x, y);
      context.beginPath();
      OUTLINES[(label + Math.floor(label / SHAPES)) % SHAPES](context, radius);
      context.restore();
      context.fillStyle = this.colour(i);
      context.fill();
      context.stroke();
    }
  }
  // Writes the name of each class at the middle of its points, if no other name is there.
  drawNames(context, width, height) {
    context.font = font(1, 700);
    context.textAlign = "center";
    context.textBaseline = "middle";
    const boxes = [];
    this.sprite.names.forEach((name, label) => {
      const own = this.positions.filter((_, i) => this.label(i) === label);
      if (!own.length) return;
      const text = clip(String(name), 18);
      const wide = context.measureText(text).width / 2 + 4;
      const mean = (k) => own.reduce((sum, point) => sum + point[k], 0) / own.length;
      const x = Math.max(wide, Math.min(width - wide, mean(0)));
      const y = Math.max(10, Math.min(height - 10, mean(1)));
      if (boxes.some(([tx, ty, tw]) => Math.abs(tx - x) < tw + wide && Math.abs(ty - y) < theme.text * 1.3)) return;
      boxes.push([x, y, wide]);
      context.strokeStyle = theme.card;
      context.lineWidth = 5;
      context.lineJoin = "round";
      context.strokeText(text, x, y);
      context.fillStyle = theme.ink;
      context.fillText(text, x, y);
    });
  }
  drawLinks(context, near) {
    const [x, y] = this.positions[this.selected];
    for (const i of near) {
      const alike = this.label(i) === this.label(this.selected);
      context.strokeStyle = alike ? theme.same : theme.different;
      context.lineWidth = alike ? 2.4 : 1.8;
      context.setLineDash(alike ? [] : [4, 3]);
      line(context, x, y, ...this.positions[i]);
    }
    context.setLineDash([]);
  }
  drawCard(context, width, height, near) {
    const { sprite } = this;
    const [x, y] = this.positions[this.selected];
    const side = Math.min(96, height * 0.42);
    const alike = near.filter((i) => this.label(i) === this.label(this.selected)).length;
    const lines = [clip(this.name(this.selected), 30), this.sentence("map_near", { alike, count: near.length })];
    context.font = font();
    const [pad, step] = [9, theme.text * 1.4];
    const wide = Math.max(side, ...lines.map((text) => context.measureText(text).width)) + 2 * pad;
    const tall = side + lines.length * step + 2 * pad;
    // Towards the outside if there is room, so that the card does not cover the neighbours.
    const [before, after] = [x - 26 - wide, x + 26];
    const outwards = x < width / 2 ? before >= 0 : after + wide > width;
    const left = Math.max(1, Math.min(outwards ? before : after, width - wide - 1));
    const top = Math.max(1, Math.min(y - tall / 2, height - tall - 1));
    card(context, left, top, wide, tall);
    const [column, row] = sprite.corner(this.selected);
    const { size, sheet } = sprite;
    context.drawImage(sheet, column, row, size, size, left + (wide - side) / 2, top + pad, side, side);
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillStyle = theme.ink;
    lines.forEach((text, k) => context.fillText(text, left + wide / 2, top + pad + side + step * (k + 0.9)));
  }
}
