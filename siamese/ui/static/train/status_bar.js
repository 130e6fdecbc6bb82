// The status of the run on screen: state, steps, time, speed and device.

import { make, setText } from "../common/dom.js";
import { clock, NONE, whole } from "../common/numbers.js";
import { isOver } from "./pace.js";

const SIGNS = {
  idle: "○",
  waiting: "…",
  preparing: "…",
  running: "▶",
  paused: "❚❚",
  done: "✓",
  stopped: "■",
  failed: "✕",
  gone: "?",
};

export class StatusBar {
  constructor({ words, say, titles }) {
    Object.assign(this, { words, sentence: say, titles });
    this.section = make("section", "panel status");
    this.section.setAttribute("aria-label", this.words.status);
    const fact = (name) => {
      const box = make("div", `fact ${name}`);
      const [value, label] = [make("b", "", NONE), make("span", "", this.words[name] ?? "")];
      box.append(value, label);
      return { box, value, label };
    };
    const facts = ["state", "steps", "left", "pairs", "device"].map(fact);
    [this.state, this.steps, this.left, this.pairs, this.device] = facts;
    this.sign = make("i", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    this.name = make("span");
    this.state.value.replaceChildren(this.sign, this.name);
    this.bar = make("div", "bar");
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", this.words.progress);
    this.bar.setAttribute("aria-valuemin", "0");
    this.fill = make("i");
    this.bar.append(this.fill);
    this.section.append(...facts.map(({ box }) => box));
    this.steps.box.after(this.bar);
  }
  show(state, run, plan, up) {
    const [step, steps] = [run?.step ?? 0, run?.steps ?? plan?.steps ?? 0];
    const over = isOver(state);
    setText(this.sign, up ? (SIGNS[state] ?? "") : "↻");
    setText(this.name, up ? (this.words[`state_${state}`] ?? state) : this.words.reconnecting);
    setText(this.state.label, this.about(state, run));
    setText(this.steps.value, steps ? `${whole(step)} / ${whole(steps)}` : NONE);
    setText(this.left.value, clock(over ? run?.seconds : run?.seconds_left));
    setText(this.left.label, over ? this.words.took : this.words.left);
    setText(this.pairs.value, run?.pairs_per_s ? whole(this.rounded(run.pairs_per_s)) : NONE);
    setText(this.device.value, run?.device || NONE);
    this.device.value.title = this.device.value.textContent; // where the panel is too narrow for it
    this.bar.setAttribute("aria-valuemax", String(steps || 1));
    this.bar.setAttribute("aria-valuenow", String(step));
    this.bar.setAttribute("aria-valuetext", this.sentence("progress_text", { step: whole(step), steps: whole(steps) }));
    this.fill.style.transform = `scaleX(${steps ? Math.min(1, step / steps) : 0})`;
  }
  about(state, run) {
    if (state === "waiting") return this.sentence("place", { place: run.place });
    if (state === "running" && run.on_hold) return this.words.on_hold;
    if (state === "running" && run.sharing)
      return this.sentence(run.sharing === 1 ? "sharing_one" : "sharing", { others: run.sharing });
    if (!run) return "";
    const { name, title } = run.dataset;
    return `${this.titles[name] ?? title} · ${run.recipe.name}`;
  }
  // Rounds a measured speed to three digits; more would not be exact.
  rounded(speed) {
    const unit = 10 ** Math.max(0, Math.floor(Math.log10(speed)) - 2);
    return Math.round(speed / unit) * unit;
  }
}
