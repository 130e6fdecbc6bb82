// Overlays: other runs, whose losses are drawn behind the one on screen.

import { smooth } from "../common/series.js";
import { MOST_OVERLAYS } from "./loss_plot.js";
import { isOver } from "./pace.js";

const EVERY = 5000; // milliseconds between two requests for a run that goes on

export class Overlays {
  constructor(ask, onChange) {
    Object.assign(this, { ask, onChange, runs: [] });
  }
  // The overlays with a loss to draw: { id, label, loss, smoothed }.
  get visible() {
    return this.runs.filter((run) => run.loss);
  }
  // Requests the losses of these runs ({ id, label }) that are due. Returns whether one of them may still change.
  async refresh(entries, current) {
    const now = performance.now();
    const others = entries.slice(0, MOST_OVERLAYS).filter(({ id }) => id !== current);
    const before = this.runs.length;
    this.runs = others.map(({ id, label }) => ({
      ...(this.runs.find((run) => run.id === id) ?? { id, version: -1, due: 0 }),
      label: String(label),
    }));
    if (this.runs.length !== before) this.onChange();
    for (const run of this.runs) {
      if (run.due > now) continue;
      const answer = await this.ask("poll", run.id, run.version);
      run.due = now + EVERY;
      if (!answer || answer.unchanged) continue;
      if (answer.gone || isOver(answer.state)) run.due = Infinity;
      if (answer.loss) {
        Object.assign(run, { version: answer.v, loss: answer.loss, smoothed: smooth(answer.loss.value) });
        this.onChange();
      }
    }
    return this.runs.some((run) => run.due < Infinity);
  }
}
