// One single step: its pairs, their distances before and after it, and what the loss asked of them.

import { make, setText } from "../common/dom.js";
import { percent, short, whole } from "../common/numbers.js";
import { panel } from "../common/panel.js";

export class StepPanel {
  constructor({ words, say }) {
    Object.assign(this, { words, sentence: say });
    Object.assign(this, panel("step-detail", "", ""));
    this.list = make("ul", "step-pairs");
    this.list.tabIndex = 0;
    this.list.setAttribute("aria-label", this.words.step_pairs);
    this.section.append(this.list);
    this.section.hidden = true;
    this.key = null;
  }
  show(detail) {
    this.section.hidden = !detail?.pairs?.length;
    const key = detail && `${detail.step} ${detail.loss} ${detail.pairs?.length}`;
    if (this.section.hidden || key === this.key) return;
    this.key = key;
    setText(this.heading, this.sentence("step_title", { step: whole(detail.step) }));
    setText(
      this.lead,
      this.sentence(`step_lead_${detail.what === "triplet" ? "triplet" : "pair"}`, { loss: short(detail.loss) }),
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
    pictures.append(picture(left, this.words.left_image), arrows, picture(right, this.words.right_image));
    const track = make("div", "track");
    track.setAttribute("aria-hidden", "true");
    const [low, high] = [Math.min(before, after), Math.max(before, after)].map((value) => (100 * value) / reach);
    const [way, from, to] = [make("i", "way"), make("i", "from"), make("i", "to")];
    [way.style.left, way.style.width] = [`${low}%`, `${high - low}%`];
    [from.style.left, to.style.left] = [`${(100 * before) / reach}%`, `${(100 * after) / reach}%`];
    track.append(way, from, to);
    const kind = make("b", "", this.words[same ? "same" : "different"]);
    const work = make("span", "force", this.words[`force_${force}`] ?? this.words.force_none);
    const head = make("p");
    head.append(kind, " ", work);
    item.append(pictures, head, track, make("p", "numbers", `${short(before)} → ${short(after)}`));
    item.append(make("p", "soft", this.sentence("share", { share: percent(share, share < 0.1 ? 1 : 0) })));
    return item;
  }
}
