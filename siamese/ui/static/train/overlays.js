// Overlays: other runs whose loss is drawn behind the one on screen.

import { smooth } from "../common/series.js";
import { MOST_OVERLAYS } from "./loss_plot.js";
import { isOver } from "./pace.js";

const EVERY = 5000; // milliseconds between two questions about a run that goes on

export class Overlays {
  constructor(ask, onChange) {
    Object.assign(this, { ask, onChange, runs: [] });
  }
  // Those that can be drawn: { id, label, loss, smoothed }.
  get drawn() {
    return this.runs.filter((run) => run.loss);
  }
  // Asks for those of the listed runs ({ id, label }) that are due. Returns whether any of them may still change.
  async refresh(listed, current) {
    const now = performance.now();
    const others = listed.slice(0, MOST_OVERLAYS).filter(({ id }) => id !== current);
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
      if (!answer || answer.same) continue;
      if (answer.gone || isOver(answer.state)) run.due = Infinity;
      if (answer.loss) {
        Object.assign(run, { version: answer.v, loss: answer.loss, smoothed: smooth(answer.loss.value) });
        this.onChange();
      }
    }
    return this.runs.some((run) => run.due < Infinity);
  }
}
