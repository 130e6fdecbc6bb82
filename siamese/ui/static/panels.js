// The panels that are words and numbers: status, notices, scores, one step looked at closely, and the history slider.

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

// What the data's unseen part is called; a word that is not in the texts is shown as it came.
const unseenWord = (unseen) => words[`unseen_${unseen}`] ?? unseen ?? words.unseen_images;

class StatusBar {
  constructor() {
    this.section = make("section", "panel status");
    this.section.setAttribute("aria-label", words.status);
    const fact = (name) => {
      const box = make("div", `fact ${name}`);
      const [value, label] = [make("b", "", NONE), make("span", "", words[name] ?? "")];
      box.append(value, label);
      return { box, value, label };
    };
    [this.state, this.steps, this.left, this.pairs, this.device] = ["state", "steps", "left", "pairs", "device"].map(
      fact,
    );
    this.sign = make("i", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    this.name = make("span");
    this.state.value.replaceChildren(this.sign, this.name);
    this.bar = make("div", "bar");
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", words.progress);
    this.bar.setAttribute("aria-valuemin", "0");
    this.fill = make("i");
    this.bar.append(this.fill);
    this.section.append(this.state.box, this.steps.box, this.bar, this.left.box, this.pairs.box, this.device.box);
  }
  show(state, run, plan, up) {
    const [step, steps] = [run?.step ?? 0, run?.steps ?? plan?.steps ?? 0];
    const over = OVER.includes(state);
    setText(this.sign, up ? (SIGNS[state] ?? "") : "↻");
    setText(this.name, up ? (words[`state_${state}`] ?? state) : words.reconnecting);
    setText(this.state.label, this.about(state, run, plan));
    setText(this.steps.value, steps ? `${whole(step)} / ${whole(steps)}` : NONE);
    setText(this.left.value, clock(over ? run?.seconds : run?.seconds_left));
    setText(this.left.label, over ? words.took : words.left);
    setText(this.pairs.value, run?.pairs_per_s ? whole(this.rounded(run.pairs_per_s)) : NONE);
    const memory = run?.memory_mb;
    const size = !(memory >= 1) ? "" : memory >= 1000 ? ` · ${fixed(memory / 1000, 1)} GB` : ` · ${whole(memory)} MB`;
    setText(this.device.value, run?.device ? run.device + size : NONE);
    this.bar.setAttribute("aria-valuemax", String(steps || 1));
    this.bar.setAttribute("aria-valuenow", String(step));
    this.bar.setAttribute("aria-valuetext", say("progress_text", { step: whole(step), steps: whole(steps) }));
    this.fill.style.transform = `scaleX(${steps ? Math.min(1, step / steps) : 0})`;
  }
  about(state, run, plan) {
    if (state === "waiting") return say("place", { place: run.place });
    return [run?.dataset?.title ?? plan?.dataset, run?.recipe?.name ?? plan?.recipe].filter(Boolean).join(" · ");
  }
  // Three digits are all that a measured speed is worth.
  rounded(speed) {
    const unit = 10 ** Math.max(0, Math.floor(Math.log10(speed)) - 2);
    return Math.round(speed / unit) * unit;
  }
}

// One notice at a time: what went wrong, or what the numbers mean, and what to try.
class Notice {
  constructor() {
    this.section = make("section", "notice");
    this.section.setAttribute("role", "status");
    this.sign = make("i", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    [this.title, this.text] = [make("b"), make("span")];
    const body = make("p");
    body.append(this.title, " ", this.text);
    this.section.append(this.sign, body);
    this.section.hidden = true;
  }
  show(state, run) {
    const kind = run?.diagnosis?.kind;
    if (state === "failed" && kind !== "diverged")
      this.put("failed", "✕", words.failed_title, run?.error || words.failed_text);
    else if (state === "gone") this.put("gone", "?", words.gone_title, words.gone_text);
    else if (kind && words[`${kind}_title`]) {
      const values = { step: whole(run.diagnosis.step), name: run.loss?.collapse_name ?? "" };
      this.put(
        kind,
        { collapse: "▲", diverged: "✕", satisfied: "✓" }[kind],
        say(`${kind}_title`, values),
        say(`${kind}_text`, values),
      );
    } else this.section.hidden = true;
  }
  put(kind, sign, title, text) {
    this.section.className = `notice ${kind}`;
    this.section.hidden = false;
    setText(this.sign, sign);
    setText(this.title, title);
    setText(this.text, text);
  }
}

class ScoresPanel {
  constructor() {
    Object.assign(this, panel("scores", say("scores_title", { unseen: words.unseen_images }), words.scores_lead));
    const figures = make("dl", "figures");
    this.figures = ["pair_accuracy", "auc", "oneshot"].map((key) => {
      const [box, name, value] = [make("div"), make("dt", "", words[`score_${key}`]), make("dd", "value", NONE)];
      const [baseline, chance, protocol] = [make("dd", "soft"), make("dd", "soft"), make("dd", "soft")];
      box.append(name, value, baseline, chance, protocol);
      figures.append(box);
      return { key, name, value, baseline, chance, protocol };
    });
    this.plot = new ScorePlot();
    this.legend = legend([
      ["thick", words.score_pair_accuracy],
      ["thin", words.one_shot],
      ["dashed", words.score_auc],
    ]);
    this.section.append(figures, this.plot.box, this.legend);
  }
  show(run, unseen) {
    setText(this.heading, say("scores_title", { unseen }));
    const scores = run?.scores;
    const told = (key, value) => (key === "auc" ? (value == null ? NONE : fixed(value, 3)) : percent(value));
    const guesses = {
      pair_accuracy: percent(0.5, 0),
      auc: fixed(0.5, 1),
      oneshot: percent(1 / (scores?.way || 20), 0),
    };
    const protocols = scores && {
      pair_accuracy: say("protocol_pairs", { pairs: whole(scores.pairs) }),
      auc: say("protocol_auc", { eer: percent(scores.eer) }),
      oneshot: say(scores.within_group ? "protocol_within" : "protocol_across", { trials: whole(scores.trials) }),
    };
    for (const { key, name, value, baseline, chance, protocol } of this.figures) {
      if (key === "oneshot") setText(name, say("score_oneshot", { way: scores?.way ?? 20 }));
      setText(value, told(key, scores?.[key]));
      setText(baseline, say("baseline", { value: told(key, scores?.baseline?.[key]) }));
      setText(chance, say("chance", { value: guesses[key] }));
      setText(protocol, protocols?.[key] ?? "");
    }
    const values = scores && {
      pairs: percent(scores.pair_accuracy),
      auc: told("auc", scores.auc),
      oneshot: percent(scores.oneshot),
    };
    this.plot.describe(
      values
        ? say("scores_aria", { ...values, way: scores.way, step: whole(run.validation.step.at(-1)) })
        : words.scores_empty,
    );
  }
}

// After one single step: the pairs it saw, how far apart they were before and after, and what the step did to them.
class StepPanel {
  constructor() {
    Object.assign(this, panel("step-detail", "", ""));
    this.list = make("ul", "step-pairs");
    this.list.tabIndex = 0;
    this.list.setAttribute("aria-label", words.step_pairs);
    this.section.append(this.list);
    this.section.hidden = true;
    this.shown = null;
  }
  show(detail) {
    this.section.hidden = !detail?.pairs?.length;
    const key = detail && `${detail.step} ${detail.loss} ${detail.pairs?.length}`;
    if (this.section.hidden || key === this.shown) return;
    this.shown = key;
    setText(this.heading, say("step_title", { step: whole(detail.step) }));
    setText(
      this.lead,
      say(`step_lead_${detail.what === "triplet" ? "triplet" : "pair"}`, { loss: short(detail.loss) }),
    );
    const reach = Math.max(...detail.pairs.map((pair) => Math.max(pair.before, pair.after))) || 1;
    this.list.replaceChildren(...detail.pairs.map((pair) => this.pair(pair, reach)));
    this.list.scrollLeft = 0;
  }
  pair({ left, right, same, before, after, share, force }, reach) {
    const item = make("li", `${same ? "same" : "different"} ${force}`);
    const picture = (source, name) => {
      const image = make("img");
      if (String(source).startsWith("data:image/")) image.src = source;
      image.alt = name;
      return image;
    };
    const arrows = make("span", "arrows", { pull: "→ ←", push: "← →" }[force] ?? "·");
    arrows.setAttribute("aria-hidden", "true");
    const pictures = make("div", "pictures");
    pictures.append(picture(left, words.left_image), arrows, picture(right, words.right_image));
    const track = make("div", "track");
    track.setAttribute("aria-hidden", "true");
    const [low, high] = [Math.min(before, after), Math.max(before, after)].map((value) => (100 * value) / reach);
    const [way, from, to] = [make("i", "way"), make("i", "from"), make("i", "to")];
    [way.style.left, way.style.width] = [`${low}%`, `${high - low}%`];
    [from.style.left, to.style.left] = [`${(100 * before) / reach}%`, `${(100 * after) / reach}%`];
    track.append(way, from, to);
    const kind = make("b", "", words[same ? "same" : "different"]);
    const work = make("span", "force", words[`force_${force}`] ?? words.force_none);
    const head = make("p");
    head.append(kind, " ", work);
    item.append(pictures, head, track, make("p", "numbers", `${short(before)} → ${short(after)}`));
    item.append(make("p", "soft", say("share", { share: percent(share, share < 0.1 ? 1 : 0) })));
    return item;
  }
}

// Back through the frames of a run, or along with it.
class History {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.box = make("div", "history");
    this.play = make("button", "round", "▶");
    this.play.type = "button";
    this.play.setAttribute("aria-label", words.replay);
    this.slider = make("input");
    Object.assign(this.slider, { type: "range", min: 0, max: 0, step: 1, value: 0 });
    this.slider.setAttribute("aria-label", words.history);
    this.step = make("output", "soft");
    this.live = toggle(words.live, true, (on) => this.choose(on ? null : Number(this.slider.value)));
    this.box.append(this.play, this.slider, this.step, this.live);
    this.box.hidden = true;
    this.slider.addEventListener("input", () => {
      this.halt();
      this.choose(Number(this.slider.value));
    });
    this.play.addEventListener("click", () => (this.timer ? this.halt() : this.replay()));
    this.timer = 0;
    this.at = null;
  }
  // `at` is the chosen frame, or null while the view follows the run.
  choose(at) {
    this.at = at;
    this.live.setAttribute("aria-pressed", String(at === null));
    this.slider.value = at ?? this.slider.max;
    this.onChoose(at);
  }
  replay() {
    setText(this.play, "❚❚");
    this.choose(0);
    this.timer = setInterval(() => {
      if (this.at < Number(this.slider.max)) return this.choose(this.at + 1);
      this.halt();
      this.choose(null);
    }, 220);
  }
  halt() {
    clearInterval(this.timer);
    this.timer = 0;
    setText(this.play, "▶");
  }
  update(count) {
    this.box.hidden = count < 2;
    this.slider.max = Math.max(0, count - 1);
    if (this.at === null) this.slider.value = this.slider.max;
  }
  tell(step) {
    const text = say("at_step", { step: whole(step) });
    setText(this.step, text);
    this.slider.setAttribute("aria-valuetext", text);
  }
  reset() {
    this.halt();
    this.at = null;
    this.live.setAttribute("aria-pressed", "true");
    this.update(0);
  }
}
