// Two histograms of one frame: how far apart same pairs are, how far apart different pairs are, and the line between.

const PARTS = ["edges", "same", "different", "threshold", "peak"];

class DistancePlot extends Plot {
  constructor() {
    super("distance-plot");
    this.parts = null;
  }
  // Counts become shares of their own kind: there may be more different pairs than same ones.
  update(frame, length) {
    if (!frame) {
      this.parts = null;
      return this.redraw();
    }
    const share = (counts) => {
      const total = counts.reduce((sum, count) => sum + count, 0) || 1;
      return counts.map((count) => count / total);
    };
    const [same, different] = [share(frame.same), share(frame.different)];
    const tops = [Math.max(...same), Math.max(...different)].sort((a, b) => a - b);
    // Where one hill is a spike, its tip is cut off, or the other hill could not be seen.
    const next = {
      edges: frame.edges,
      same,
      different,
      threshold: frame.threshold,
      peak: 1.06 * Math.min(tops[1], 2.5 * tops[0]),
    };
    if (!this.parts) this.parts = Object.fromEntries(PARTS.map((key) => [key, new Tween(null)]));
    for (const key of PARTS) this.parts[key].go(next[key], length);
    this.redraw();
  }
  paint(context, width, height, now) {
    if (!this.parts) {
      axes(context, width, height, { x: { low: 0, high: 1, ticks: [] }, y: { low: 0, high: 1, ticks: [] } });
      return false;
    }
    const [edges, same, different, threshold, peak] = PARTS.map((key) => this.parts[key].at(now));
    const x = { low: edges[0], high: edges.at(-1) };
    x.ticks = linearTicks(x.low, x.high, width / 80);
    const area = axes(context, width, height, { x, y: { low: 0, high: peak, ticks: [] }, name: words.dissimilarity });
    const line = threshold == null ? null : Math.max(area.left, Math.min(area.right, area.X(threshold)));
    const headroom = theme.text * 1.6;
    const Y = (share) => area.bottom - (share / peak) * (area.bottom - area.top - headroom);
    context.save();
    context.beginPath();
    context.rect(area.left, area.top + headroom - 4, area.right - area.left, area.bottom - area.top - headroom + 4);
    context.clip();
    const bars = (shares) => {
      context.beginPath();
      shares.forEach((share, k) => {
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
    if (line != null) {
      this.wrongSide(context, area, [area.left, line], () => bars(different), theme.different);
      this.wrongSide(context, area, [line, area.right], () => bars(same), theme.same);
    }
    const outline = (shares, colour, double) => {
      this.hill(context, shares, edges, area, Y);
      context.setLineDash([]);
      context.strokeStyle = colour;
      context.lineWidth = double ? 4.2 : 2.6;
      context.stroke();
      if (!double) return;
      context.strokeStyle = theme.card;
      context.lineWidth = 1.5;
      context.stroke();
    };
    outline(different, theme.different, true);
    outline(same, theme.same, false);
    context.restore();
    if (line != null) this.drawThreshold(context, area, line);
    return Object.values(this.parts).some((tween) => tween.moving(now));
  }
  wrongSide(context, area, [from, to], bars, colour) {
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, area.bottom);
    context.clip();
    bars();
    context.globalAlpha = 0.75;
    context.fillStyle = colour;
    context.fill();
    context.restore();
  }
  // A curve through the middle of the bars, each averaged a little with its neighbours; the bars are the exact counts.
  hill(context, shares, edges, area, Y) {
    const at = (k) => shares[Math.max(0, Math.min(shares.length - 1, k))];
    const [first, last] = [shares.findIndex((share) => share > 0), shares.findLastIndex((share) => share > 0)];
    context.beginPath();
    if (first < 0) return;
    let [x, y] = [area.X(edges[first]), first ? area.bottom : Y(at(first))];
    context.moveTo(x, y);
    for (let k = first; k <= last; k++) {
      const [right, up] = [
        (area.X(edges[k]) + area.X(edges[k + 1])) / 2,
        Y(0.25 * at(k - 1) + 0.5 * at(k) + 0.25 * at(k + 1)),
      ];
      context.bezierCurveTo((x + right) / 2, y, (x + right) / 2, up, right, up);
      [x, y] = [right, up];
    }
    context.lineTo(area.X(edges[last + 1]), last === shares.length - 1 ? y : area.bottom);
  }
  drawThreshold(context, area, line) {
    context.strokeStyle = theme.ink;
    context.lineWidth = 2.2;
    context.setLineDash([7, 5]);
    context.beginPath();
    context.moveTo(line, area.top - 4);
    context.lineTo(line, area.bottom);
    context.stroke();
    context.setLineDash([]);
    context.font = font();
    context.fillStyle = theme.soft;
    context.textBaseline = "middle";
    const up = area.top + theme.text * 0.4;
    const [left, right] = [words.says_same, words.says_different];
    context.textAlign = "right";
    if (line - area.left > context.measureText(left).width + 8) context.fillText(left, line - 8, up);
    context.textAlign = "left";
    if (area.right - line > context.measureText(right).width + 8) context.fillText(right, line + 8, up);
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
    for (const shift of [-size, 0, size]) {
      brush.beginPath();
      brush.moveTo(shift - 1, size + 1);
      brush.lineTo(shift + size + 1, -1);
      brush.stroke();
    }
    this.pattern = this.context.createPattern(tile, "repeat");
    this.pattern.setTransform(new DOMMatrix().scale(1 / ratio));
    this.hatchKey = key;
    return this.pattern;
  }
}
