// A drawn batch as a wall of cards.

import { button, make } from "../common/dom.js";
import { whole } from "../common/numbers.js";

export function mount({ root, props, words, say, watch }) {
  function picture(shown, className, role) {
    const figure = make("figure", "picture");
    const image = make("img", className);
    image.src = shown.uri;
    image.alt = role ? `${role}: ${shown.name}` : shown.name;
    image.title = shown.name;
    figure.append(image);
    if (role) figure.append(make("figcaption", "", role));
    return figure;
  }

  function verdict(same) {
    const label = make("p", same ? "verdict same" : "verdict different");
    label.append(make("span", "mark", same ? "=" : "≠"), make("span", "", same ? words.same : words.different));
    return label;
  }

  function pairs(batch) {
    const wall = make("ul", "wall");
    for (const item of batch.items) {
      const card = make("li", item.same ? "pair same" : "pair different");
      const side = item.same ? "same" : "different";
      card.append(picture(item.pictures[0], side), picture(item.pictures[1], side), verdict(item.same));
      wall.append(card);
    }
    return [wall];
  }

  function mistakes(batch) {
    const wall = make("ul", "wall");
    for (const item of batch.items) {
      const side = item.same ? "same" : "different";
      const card = make("li", `pair ${side} mistaken`);
      const badge = make("span", "badge", "✕");
      badge.title = words.wrong;
      badge.setAttribute("role", "img");
      badge.setAttribute("aria-label", words.wrong);
      const said = say(item.same ? "says_different" : "says_same", { d: item.dissimilarity.toFixed(3) });
      card.append(badge, picture(item.pictures[0], side), picture(item.pictures[1], side));
      card.append(verdict(item.same), make("p", "said", said));
      wall.append(card);
    }
    return [wall];
  }

  function lead(batch) {
    if (batch.kind !== "mistakes") return words[batch.kind] + (batch.within_group ? " " + words.within : "");
    const values = {
      asked: whole(batch.asked),
      wrong: whole(batch.wrong),
      unseen: words[batch.unseen] ?? batch.unseen,
      threshold: batch.threshold.toFixed(3),
    };
    return say(batch.wrong ? "mistakes" : "no_mistakes", values);
  }

  function triplets(batch) {
    const wall = make("ul", "wall triplets");
    const roles = [words.anchor, words.positive, words.negative];
    const sides = ["anchor", "same", "different"];
    for (const item of batch.items) {
      const card = make("li", "triplet");
      item.pictures.forEach((shown, i) => card.append(picture(shown, sides[i], roles[i])));
      wall.append(card);
    }
    return [wall];
  }

  function episode(batch) {
    const table = make("div", "episode");
    table.append(picture(batch.query, "anchor", words.question));
    const wall = make("ul", "wall supports");
    for (const item of batch.items) {
      const card = make("li", item.same ? "support answer" : "support");
      card.append(picture(item.pictures[0], ""));
      wall.append(card);
    }
    table.append(wall);
    const reveal = button("reveal", words.answer, () => {
      wall.querySelector(".answer").classList.add("shown");
      wall.querySelector(".answer").append(verdict(true));
      reveal.disabled = true;
    });
    return [table, reveal];
  }

  function draw() {
    const batch = props.batch;
    root.dataset.count = batch ? batch.items.length : 0;
    root.dataset.kind = batch ? batch.kind : "";
    if (!batch) {
      root.replaceChildren(make("p", "empty", words.empty));
      return;
    }
    const walls = { pairs, triplets, episode, mistakes };
    root.replaceChildren(make("p", "lead", lead(batch)), ...walls[batch.kind](batch));
  }

  watch("batch", draw);
  draw();
}
