// LiveView: the panels that show a run.

import { make, setText } from "../common/dom.js";
import { percent, fixed, short, whole } from "../common/numbers.js";
import { fillLegend, legend, panel, toggle } from "../common/panel.js";
import { DistancePlot } from "./distance_plot.js";
import { LossPlot } from "./loss_plot.js";
import { MapPlot } from "./map_plot.js";
import { Notice } from "./notice.js";
import { Replay } from "./replay.js";
import { ScoresPanel } from "./scores_panel.js";
import { Sprite } from "./sprite.js";
import { StatusBar } from "./status_bar.js";
import { StepPanel } from "./step_panel.js";

const MORPH = 700; // milliseconds from one validation's picture to the next

export class LiveView {
  // text: { words, say, titles }; titles: of data sets, by name.  onChoose(at): the slider of the replay has moved to a
  // frame, or back to the newest one (null).
  constructor(root, text, onChoose) {
    Object.assign(this, { root, words: text.words, sentence: text.say, frame: null, unseen: "" });
    this.status = new StatusBar(text);
    this.notice = new Notice(text);
    this.watching = make("p", "watching");
    this.steps = new StepPanel(text);
    this.scores = new ScoresPanel(text);
    this.announcement = make("p", "unseen-text");
    this.announcement.setAttribute("role", "status");
    this.replay = new Replay(text, onChoose);
    const grid = make("div", "grid");
    grid.append(this.lossPanel(text), this.distancePanel(text), this.mapPanel(text), this.scores.section);
    root.replaceChildren(this.status.section, this.watching, this.notice.section, this.steps.section, grid, this.announcement);
  }
  lossPanel(text) {
    const { section, tools } = panel("loss", this.words.loss_title, this.words.loss_lead);
    this.loss = new LossPlot(text);
    this.lossLegend = legend([]);
    tools.append(
      toggle(this.words.log_axis, false, (on) => this.loss.set("log", on)),
      toggle(this.words.seconds_axis, false, (on) => this.loss.set("axis", on ? "seconds" : "step")),
    );
    section.append(this.loss.box, this.lossLegend);
    return section;
  }
  distancePanel(text) {
    const { section, lead } = panel("distances", this.words.distances_title, "");
    this.distances = new DistancePlot(text);
    this.distancesLead = lead;
    this.distancesLegend = legend([]);
    section.append(this.distances.box, this.distancesLegend);
    return section;
  }
  mapPanel(text) {
    const { section, tools, lead } = panel("map", this.words.map_title, "");
    this.map = new MapPlot(text);
    this.mapLead = lead;
    const pictures = toggle(this.words.thumbnails, true, (on) => {
      this.map.thumbnails = on;
      this.map.redraw();
    });
    tools.append(pictures);
    section.append(this.map.box, this.replay.box);
    return section;
  }
  redraw() {
    for (const plot of [this.loss, this.distances, this.map, this.scores.plot]) plot.redraw();
  }
  // Another run is on screen: removes the drawing of the last one.
  reset() {
    this.frame = null;
    this.replay.reset();
    this.mark(null);
    this.map.reset();
    this.distances.reset();
    this.steps.show(null);
  }
  mark(step) {
    this.loss.mark(step);
    this.scores.plot.mark(step);
  }
  // Shows everything but the frame. feed: a RunFeed.  plan: the run that Start would begin.  watching: this browser may
  // watch, but not control.  overlays: the losses of other runs.  glide: milliseconds of a curve to its newest point.
  show({ feed, plan, watching, overlays }, glide) {
    const { run, state, up } = feed;
    const { loss } = this;
    const unseen = run?.dataset?.unseen ?? plan?.unseen;
    // A word that is not in the texts is shown as it is.
    this.unseen = this.words[`unseen_${unseen}`] ?? unseen ?? this.words.unseen_images;
    const [step, points] = [run?.step ?? 0, run?.loss?.value.length ?? 0];
    Object.assign(this.root.dataset, { state, step, points, net: up ? "up" : "down" });
    this.status.show(state, run, plan, up);
    this.notice.show(state, run, { watching, fault: (run ?? plan)?.fault ?? null });
    this.showWatching(watching, run);
    this.steps.show(run?.detail);
    loss.overlays = overlays;
    loss.update(run, glide);
    this.scores.plot.update(run, glide);
    this.scores.show(run, this.unseen);
    fillLegend(this.lossLegend, [
      ["thick", this.words.training],
      ["thin", this.words.validation],
      ["faint", this.words.each_step],
      ...overlays.map((other, k) => [`dash-${k}`, other.label]),
    ]);
    loss.describe(this.aboutLoss(run));
    this.replay.update(run?.frames ?? 0);
    this.showEmpty(state, run);
    this.showDistancesLegend();
  }
  showWatching(watching, run) {
    this.watching.hidden = !watching;
    if (!watching) return;
    const parts = [this.words.watching];
    if (run) {
      parts.push(this.sentence("loss_named", { name: run.loss.name }));
      parts.push(this.sentence("rate_now", { rate: short(run.learning_rate) }));
      if (run.margin != null) parts.push(this.sentence("margin_now", { margin: short(run.margin) }));
    }
    setText(this.watching, parts.join(" · "));
  }
  showDistancesLegend() {
    const { words } = this;
    const threshold = this.frame?.threshold;
    fillLegend(this.distancesLegend, [
      ["same", words.same],
      ["different", words.different],
      ["dashed", threshold == null ? words.threshold : `${words.threshold} ${short(threshold)}`],
      ["wrong", words.wrong],
    ]);
  }
  // Shows a sentence in each panel that has nothing to draw yet.
  showEmpty(state, run) {
    const { words } = this;
    this.loss.say(run?.loss?.value.length ? null : this.whyNoLoss(state, run));
    this.scores.plot.say(run?.validation?.step.length ? null : words.scores_empty);
    this.distances.say(this.frame ? null : words.distances_empty);
    this.map.say(this.frame ? null : words.map_empty);
    if (this.frame) return;
    setText(this.distancesLead, words.distances_lead);
    setText(this.mapLead, words.map_lead);
    this.distances.describe(words.distances_empty);
    this.map.describe(words.map_empty);
  }
  whyNoLoss(state, run) {
    const { words } = this;
    if (state === "waiting") return this.sentence("waiting_note", { place: run.place });
    if (state === "preparing") return this.sentence("preparing_note", { share: percent(run.preparing_share ?? 0, 0) });
    return { running: words.starting, paused: words.paused_note, gone: words.gone_title }[state] ?? words.loss_empty;
  }
  aboutLoss(run) {
    if (!run?.loss?.value.length) return this.words.loss_empty;
    const { loss, validation } = run;
    const newest = short(this.loss.smoothed.findLast((value) => value != null));
    const values = { step: whole(loss.step.at(-1)), steps: whole(run.steps), loss: newest };
    const parts = [this.sentence("loss_aria", values)];
    if (validation.loss.length) parts.push(`${this.words.validation} ${short(validation.loss.at(-1))}.`);
    if (loss.collapse > 0) {
      const line = { name: loss.collapse_name ?? "", value: short(loss.collapse) };
      parts.push(this.sentence("collapse_line", line) + ".");
    }
    return parts.join(" ");
  }
  // Shows one validation: its histogram and its map.
  showFrame(frame, glide = MORPH) {
    if (frame === this.frame) return;
    const again = frame.index === this.frame?.index && frame.step === this.frame?.step;
    const duration = this.frame ? glide : 0;
    this.frame = frame;
    this.replay.standAt(frame.step);
    if (again) return;
    if (frame.index === 0) this.distances.widen(frame.edges.at(-1));
    this.distances.update(frame, duration);
    this.map.update(frame, duration);
    const step = whole(frame.step);
    const wrong = this.distances.collapsed ? this.words.distances_collapsed : (this.wrongSide(frame.overlap) ?? "");
    setText(this.distancesLead, wrong || this.words.distances_lead);
    this.distances.describe(
      `${this.sentence("distances_aria", { step, threshold: short(frame.threshold) })} ${wrong}`.trim(),
    );
    const { explained } = frame;
    // The map shows everything where the embedding has two dimensions, and also where all points coincide.
    const hidesNothing = !(explained > 0.0005 && explained < 0.9995);
    setText(
      this.mapLead,
      hidesNothing ? this.words.map_lead : this.sentence("map_lead_pca", { share: percent(explained, 0) }),
    );
    this.map.describe(this.sentence("map_aria", { count: frame.x.length, step }));
    for (const plot of [this.distances, this.map]) plot.say(null);
    this.showDistancesLegend();
  }
  // Takes an earlier frame of the run, to know how far its images and pairs once spread.
  widen(frame) {
    if (frame.index === 0) this.distances.widen(frame.edges.at(-1));
    this.map.widen(frame);
    this.map.fit(this.frame, 250);
  }
  // The share of pairs on the wrong side of the threshold: of a hundred, or of a thousand where there are few.
  wrongSide(share) {
    if (share == null) return null;
    const few = share > 0 && share < 0.01;
    const n = few ? fixed(1000 * share, share < 0.001 ? 1 : 0) : fixed(100 * share, 0);
    return this.sentence(few ? "wrong_thousand" : "wrong_hundred", { n, unseen: this.unseen });
  }
  // Gives the map its pictures. Returns whether the answer has any.
  async loadThumbnails(answer) {
    try {
      if (!String(answer?.sprite).startsWith("data:image/")) return false;
      this.map.sprite = await Sprite.load(answer);
      this.map.redraw();
      return true;
    } catch {
      return false;
    }
  }
}
