// Triplets: an anchor, its positive and its negative, both distances, and how hard they are.

import { make } from "../common/dom.js";
import { fixed, percent, whole } from "../common/numbers.js";
import { image, panel, shortName, wallOf } from "./cards.js";

const SIGNS = { easy: "✓", semi_hard: "≈", hard: "✕" };

export function createTriplets({ words, say }) {
  function show(answer) {
    if (answer.empty) return [panel(words.triplets_title, words.no_step)];
    const title = answer.own && answer.step ? say("triplets_of_step", { step: whole(answer.step) }) : words.triplets_title;
    const lead = answer.own ? words.triplets_own : answer.kind === "run" ? words.triplets_followed : words.triplets_drawn;
    const wall = [panel(title, lead, [], wallOf(answer.cards.map((card) => tripletCard(card, answer))))];
    return answer.counts ? [counts(answer), ...wall] : wall;
  }

  function counts({ counts: of, margin }) {
    const box = make("div", "box status kinds");
    const total = Math.max(1, of.easy + of.semi_hard + of.hard);
    for (const kind of ["easy", "semi_hard", "hard"]) {
      const fact = make("div", `fact ${kind}`);
      const value = make("b", "", `${SIGNS[kind]} ${percent(of[kind] / total)} ${words[kind]}`);
      const meaning = say(`means_${kind}`, { margin: fixed(margin, 2) });
      const bar = make("i", "part");
      bar.style.width = `${(100 * of[kind]) / total}%`;
      fact.append(value, make("span", "soft", `${whole(of[kind])} · ${meaning}`), bar);
      fact.dataset.count = of[kind];
      box.append(fact);
    }
    return box;
  }

  function tripletCard(card, { scale }) {
    const node = make("div", `triplet-card ${card.kind ?? ""}`);
    const row = make("span", "three");
    ["positive", "anchor", "negative"].forEach((role, place) => {
      const index = [1, 0, 2][place];
      const figure = make("figure");
      const side = { positive: "same", anchor: "anchor", negative: "different" }[role];
      figure.append(image(card.pictures[index], side, card.names[index]), make("figcaption", "", words[role]), make("span", "names", shortName(card.names[index])));
      row.append(figure);
    });
    node.append(row);
    if (card.kind) {
      const lines = make("span", "arms");
      for (const [side, value] of [["near", card.near], ["far", card.far]]) {
        const arm = make("span", `arm ${side}`);
        const line = make("i");
        line.style.width = `${Math.min(100, (100 * value) / scale)}%`;
        arm.append(line, make("span", "number", fixed(value, 3)));
        lines.append(arm);
      }
      const what = make("span", "what");
      what.append(make("b", "", `${SIGNS[card.kind]} ${words[card.kind]}`));
      node.append(lines, what);
    }
    return node;
  }
  return { show };
}
