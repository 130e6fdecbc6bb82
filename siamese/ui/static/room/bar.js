// The teacher's controls: pause all runs, end one run, and limit how many train and for how long.

import { button, make, setText } from "../common/dom.js";

export class Bar {
  // longest: the time limits to choose from, in seconds.  on.act(action, value).  on.arm(show): whether the tiles show
  // their end button.
  constructor({ words, say }, longest, on) {
    Object.assign(this, { words, on, on_hold: false, armed: false, jobs: 1 });
    this.section = make("section", "panel bar");
    this.section.setAttribute("aria-label", words.for_teacher);
    this.hold = button("primary", "", () => on.act("hold", !this.on_hold));
    this.end = button("plain", "", () => on.arm(!this.armed));
    this.count = make("b");
    const fewer = button("", "−", () => on.act("jobs", Math.max(1, this.jobs - 1)));
    const more = button("", "+", () => on.act("jobs", Math.min(64, this.jobs + 1)));
    fewer.setAttribute("aria-label", words.fewer);
    more.setAttribute("aria-label", words.more);
    const stepper = make("div", "stepper");
    stepper.append(fewer, this.count, more);
    this.longest = make("select");
    for (const seconds of [null, ...longest]) {
      const option = make("option", "", seconds ? say("minutes", { n: seconds / 60 }) : words.no_limit);
      option.value = seconds ?? "";
      this.longest.append(option);
    }
    this.longest.addEventListener("change", () =>
      on.act("longest", this.longest.value ? Number(this.longest.value) : null),
    );
    this.section.append(
      this.hold,
      this.end,
      group(words.at_a_time, stepper),
      group(words.longest, this.longest),
      make("p", "private", words.only_you),
    );
    this.arm(false);
  }
  arm(on) {
    this.armed = on;
    setText(this.end, on ? this.words.back : `■ ${this.words.end_one}`);
  }
  show({ on_hold, jobs, longest }, visible) {
    this.section.hidden = !visible;
    Object.assign(this, { on_hold, jobs });
    setText(this.hold, on_hold ? `▶ ${this.words.go_on}` : `❚❚ ${this.words.pause_all}`);
    setText(this.count, String(jobs));
    if (document.activeElement !== this.longest) this.longest.value = longest ?? "";
  }
}

function group(text, control) {
  const box = make("label", "group");
  box.append(make("span", "", text), control);
  return box;
}
