// One run of the room: its curve, its state, and its score beside that of raw pixels. A click opens it to watch.

import { button, make, setText } from "../common/dom.js";
import { language } from "../common/language.js";
import { clock, NONE, percent, whole } from "../common/numbers.js";
import { shape } from "../common/svg.js";
import { HEIGHT, paths, WIDTH } from "./curve.js";

const SIGNS = { preparing: "…", running: "▶", paused: "❚❚", done: "✓", stopped: "■", failed: "✕" };
const OVER = ["done", "stopped", "failed"];

export class Tile {
  constructor({ words, say }, id, onEnd) {
    Object.assign(this, { words, say });
    this.box = make("article", "run");
    const title = make("h3");
    [this.rank, this.name] = [make("i"), make("a")];
    this.name.href = `?${new URLSearchParams({ watch: id })}`;
    this.name.target = "_blank";
    title.append(this.rank, this.name);
    this.what = make("p", "what");
    const middle = make("div", "mid");
    const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "curve", "aria-hidden": "true" };
    const svg = shape("svg", view);
    [this.floor, this.collapse, this.curve] = ["floor", "collapse", "loss"].map((name) => {
      const path = shape("path", { class: name, "vector-effect": "non-scaling-stroke" });
      svg.append(path);
      return path;
    });
    this.floor.setAttribute("d", `M0 ${HEIGHT - 4.5}H${WIDTH}`);
    const score = make("div", "score");
    [this.score, this.pixels] = [make("b"), make("small")];
    score.append(this.score, make("small", "", words.pixels), this.pixels);
    middle.append(svg, score);
    const place = make("div", "place");
    [this.place, this.starts] = [make("b"), make("span", "", words.in_line)];
    place.append(this.place, this.starts);
    this.state = make("p", "state");
    [this.sign, this.text, this.left] = [make("em"), make("span"), make("span", "left")];
    this.sign.setAttribute("aria-hidden", "true");
    const track = make("span", "track");
    this.fill = make("u");
    track.append(this.fill);
    this.state.append(this.sign, this.text, track, this.left);
    this.end = button("end", `■ ${words.end_this}`, () => onEnd(id));
    this.box.append(title, this.what, middle, place, this.state, this.end);
  }
  show(run, rank) {
    const { words, say } = this;
    const over = OVER.includes(run.state);
    const faulty = run.diagnosis === "collapse" || run.diagnosis === "diverged";
    this.box.classList.toggle("first", rank === 1);
    this.box.classList.toggle("waiting", run.place > 0);
    this.box.classList.toggle("over", over);
    setText(this.rank, rank === null ? NONE : String(rank));
    setText(this.name, run.name || words.nameless);
    setText(this.what, run.margin == null ? run.recipe : say("what", { recipe: run.recipe, margin: run.margin.toLocaleString(language) }));
    setText(this.place, `${run.place}.`);
    setText(this.score, percent(run.score));
    setText(this.pixels, percent(run.pixels));
    const curvePaths = paths(run);
    this.curve.setAttribute("d", curvePaths.curve);
    this.collapse.setAttribute("d", curvePaths.collapse);
    setText(this.sign, faulty ? "✕" : (SIGNS[run.state] ?? "…"));
    setText(this.text, this.stateOf(run, faulty, over));
    setText(this.left, run.state === "running" && !faulty && run.step > 4 ? clock(run.seconds_left) : "");
    this.fill.style.width = `${(100 * run.step) / Math.max(1, run.steps)}%`;
  }
  stateOf(run, faulty, over) {
    const { words, say } = this;
    if (faulty) return say(`${run.diagnosis}_at`, { step: whole(run.diagnosed_at) });
    if (run.state === "running") return say("steps", { step: whole(run.step), steps: whole(run.steps) });
    if (run.state === "failed") return words.failed;
    const key = over ? (run.state === "done" ? "finished" : "ended") : run.state === "paused" ? "paused_at" : null;
    return key ? say(key, { step: whole(run.step) }) : words.preparing;
  }
}
