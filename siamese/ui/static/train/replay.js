// The slider and button that show earlier frames of a run, or follow the newest one.

import { button, make, setText } from "../common/dom.js";
import { whole } from "../common/numbers.js";
import { toggle } from "../common/panel.js";

export class Replay {
  constructor({ words, say }, onChoose) {
    Object.assign(this, { words, sentence: say });
    this.onChoose = onChoose;
    this.box = make("div", "history");
    this.play = button("round", "▶", () => (this.timer ? this.halt() : this.replay()));
    this.play.setAttribute("aria-label", this.words.replay);
    this.slider = make("input");
    Object.assign(this.slider, { type: "range", min: 0, max: 0, step: 1, value: 0 });
    this.slider.setAttribute("aria-label", this.words.history);
    this.step = make("output", "soft");
    this.live = toggle(this.words.live, true, (on) => this.choose(on ? null : Number(this.slider.value)));
    this.box.append(this.play, this.slider, this.step, this.live);
    this.box.hidden = true;
    this.slider.addEventListener("input", () => {
      this.halt();
      this.choose(Number(this.slider.value));
    });
    [this.timer, this.at, this.count] = [0, null, 0];
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
    this.count = count;
    this.box.hidden = count < 2;
    this.slider.max = Math.max(0, count - 1);
    if (this.at === null) this.slider.value = this.slider.max;
  }
  standAt(step) {
    const text = this.sentence("at_step", { step: whole(step) });
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
