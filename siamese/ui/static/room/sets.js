// The runs, ranked within each data set, because scores of different data sets cannot be compared.

import { make, setText } from "../common/dom.js";
import { percent } from "../common/numbers.js";
import { Tile } from "./tile.js";

export class Sets {
  constructor(text, onEnd) {
    Object.assign(this, { text, onEnd, tiles: new Map(), heads: new Map() });
    this.box = make("div", "sets");
    this.empty = make("p", "empty", text.words.empty);
  }
  show(sets) {
    const ids = new Set();
    const sections = sets.map((set) => {
      const section = this.head(set);
      const runs = set.runs.map((run, index) => {
        ids.add(run.id);
        if (!this.tiles.has(run.id)) this.tiles.set(run.id, new Tile(this.text, run.id, this.onEnd));
        const tile = this.tiles.get(run.id);
        tile.show(run, run.score == null || run.place ? null : index + 1);
        return tile.box;
      });
      place(section.runs, runs);
      return section.box;
    });
    for (const id of this.tiles.keys()) if (!ids.has(id)) this.tiles.delete(id);
    place(this.box, sections.length ? sections : [this.empty]);
  }
  head({ name, title, unseen, runs }) {
    const { words, say, titles } = this.text;
    if (!this.heads.has(name)) {
      const box = make("section", "set");
      const head = make("div", "set-head");
      const [h2, lead, list] = [make("h2"), make("p"), make("div", "runs")];
      head.append(h2, lead, make("span", "key", words.curve_key));
      box.append(head, list);
      this.heads.set(name, { box, h2, lead, runs: list });
    }
    const section = this.heads.get(name);
    setText(section.h2, titles[name] ?? title);
    const way = runs.find((run) => run.way)?.way;
    const values = { way, unseen: words[`unseen_${unseen}`] ?? words.unseen_classes, guess: way && percent(1 / way, 0) };
    setText(section.lead, way ? say("set_lead", values) : "");
    return section;
  }
}

// Makes these nodes the children, in this order. A node in the right place is not moved, or it would lose the focus.
function place(parent, nodes) {
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastChild.remove();
}
