// The curves of pair accuracy, one-shot accuracy and AUC over the steps. All are between 0 and 1.

import { axes, trace } from "../common/axes.js";
import { percent, short, whole } from "../common/numbers.js";
import { nearest } from "../common/series.js";
import { theme } from "../common/theme.js";
import { CurvePlot } from "./curve_plot.js";

const NAMES = { pair_accuracy: "score_pair_accuracy", oneshot: "one_shot", auc: "score_auc" };
const LINES = [
  { name: "pair_accuracy", wide: 2.6, dash: [] },
  { name: "oneshot", wide: 1.2, dash: [] },
  { name: "auc", wide: 1.4, dash: [6, 4] },
];

export class ScorePlot extends CurvePlot {
  constructor({ words, say }) {
    super("score-plot");
    Object.assign(this, { words, sentence: say });
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
    const y = { low: 0, high: 1, ticks };
    const area = (this.area = axes(context, width, height, { x, y, name: xs.length ? this.words.step : "" }));
    if (!xs.length) return false;
    const { validation } = this.run;
    const lines = LINES.filter(({ name }) => validation[name]?.some((value) => value != null));
    this.upTo(now, context, area, () => {
      for (const { name, wide, dash } of lines) {
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
      const values = lines.map(({ name }) => validation[name][i]);
      const rows = lines.map(({ name }, k) => {
        return `${this.words[NAMES[name]]}: ${name === "auc" ? short(values[k]) : percent(values[k])}`;
      });
      const title = this.sentence("at_step", { step: whole(xs[i]) });
      this.crosshair(context, width, height, area, xs[i], values, [title, ...rows]);
    }
    return this.moving(now);
  }
}
