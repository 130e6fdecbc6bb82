// Two images: how far apart they are to the network, in a number, in words, and on the model's own scale.

import { button, make, setText } from "../common/dom.js";
import { fixed } from "../common/numbers.js";
import { createHills } from "./hills.js";
import { newestOnly } from "./newest.js";
import { tenths, verdict } from "./verdict.js";
import { createWell } from "./well.js";
import { createWhere } from "./where.js";

const REST = 350; // milliseconds after which the pen rests, and the sentence is said

// context: { words, say, inputs, ask, gone, model() }.  → { element, refresh(card), open(pair), paste(file) }
export function createTwo({ words, say, inputs, ask, model }) {
  const element = make("div", "two");
  const place = make("div", "wells");
  const wells = [0, 1].map((side) =>
    createWell({ title: words[side ? "second" : "first"], words, inputs, onPicture: (rested) => changed(rested) }),
  );
  place.append(wells[0].section, wells[1].section);

  const result = make("section", "panel result");
  const head = make("div", "panel-head");
  const swap = button("tool", `⇄ ${words.swap}`, () => {
    wells.reverse();
    place.append(wells[0].section, wells[1].section);
    wells.forEach((well, side) => setText(well.heading, words[side ? "second" : "first"]));
    changed(true);
  });
  head.append(make("h2", "", words.dissimilarity_title), swap);
  const top = make("div", "top");
  const number = make("div", "big num");
  const words_ = make("div", "words");
  words_.setAttribute("role", "status");
  const verdictLine = make("p", "verdict");
  const doubt = make("p", "doubt");
  const squares = make("div", "tens");
  squares.setAttribute("aria-hidden", "true");
  words_.append(verdictLine, doubt, squares);
  top.append(number, words_);
  const hills = createHills(words);
  const placed = make("p", "placed");
  const scale = make("div", "hills-view");
  scale.append(hills.element, placed);
  const whereSlot = make("div");
  whereSlot.hidden = true;
  const foot = make("div", "foot");
  const footSay = make("span", "soft", words.where_lead);
  const whereButton = button("button", words.where, toggleWhere);
  foot.append(footSay, whereButton);
  const lead = make("p", "lead");
  result.append(head, lead, top, scale, whereSlot, foot);
  element.append(place, result);

  let card = null;
  let timer = 0;
  let shown = null; // the newest answer with a dissimilarity
  let asked = 0; // rises with every change, so that a late explanation of other pictures is dropped
  let answered = 0; // the change that the newest answer belongs to
  const measure = newestOnly(
    (_, ...values) => ask("measure", ...values),
    (answer, [change]) => ((answered = change), show(answer)),
  );

  function changed(rested = false) {
    asked += 1;
    hideWhere();
    const [left, right] = wells.map((well) => well.picture());
    whereButton.disabled = !(left && right);
    swap.disabled = !left && !right;
    if (!left && !right) return show({ seen: [null, null], foreign: [false, false] });
    element.dataset.state = "asking";
    element.dataset.moving = String(!rested);
    measure(asked, model(), left, right);
    clearTimeout(timer);
    timer = setTimeout(() => ((element.dataset.moving = "false"), say_()), rested ? 0 : REST);
  }

  function show(answer) {
    if (!answer || answer.error) {
      shown = null;
      number.textContent = "–";
      setText(verdictLine, answer?.error ?? words.no_answer);
      verdictLine.className = "verdict error";
      hills.mark(null);
      say_();
      return;
    }
    wells.forEach((well, side) =>
      well.showSeen(answer.seen[side], card ? say("seen", sizeOf(card)) : "", answer.foreign[side] ? words.foreign : ""),
    );
    shown = answer.dissimilarity == null ? null : answer;
    element.dataset.value = shown ? shown.dissimilarity : "";
    element.dataset.state = shown ? (shown.same ? "same" : "different") : "empty";
    number.textContent = shown ? fixed(shown.dissimilarity, 4) : "–";
    hills.mark(shown ? shown.dissimilarity : null);
    if (!shown) {
      setText(verdictLine, words.invite);
      verdictLine.className = "verdict soft";
    }
    say_();
  }

  // The words wait until the pen rests and the number is that of the whole drawing; the number and the marker do not.
  function say_() {
    if (!shown || element.dataset.moving === "true" || answered !== asked) {
      for (const node of [doubt, squares, placed]) node.style.visibility = "hidden";
      if (shown) {
        setText(verdictLine, "…");
        verdictLine.className = "verdict soft";
      }
      return;
    }
    for (const node of [doubt, squares, placed]) node.style.visibility = "visible";
    // How often it is right was measured on pictures that it was made for, so of others nothing is said.
    if (shown.foreign.some(Boolean)) {
      setText(verdictLine, `? ${words.unsure}`);
      verdictLine.className = "verdict unsure";
      setText(doubt, words.unknown_doubt);
      squares.replaceChildren();
      setText(placed, "");
      return;
    }
    const told = verdict(shown.same, shown.different);
    setText(verdictLine, `${told.sign} ${words[told.word]}`);
    verdictLine.className = `verdict ${told.word === "unsure" ? "unsure" : told.same ? "same" : "different"}`;
    if (told.count == null) {
      setText(doubt, words.uncalibrated);
      squares.replaceChildren();
      setText(placed, "");
      return;
    }
    setText(doubt, say(told.same ? "count_same" : "count_different", told));
    const different = tenths(shown.different);
    squares.replaceChildren(...Array.from({ length: 10 }, (_, i) => make("i", i < 10 - different ? "" : "d")));
    setText(placed, say("placed", shown));
  }

  async function toggleWhere() {
    if (!whereSlot.hidden) return hideWhere();
    const now = asked;
    whereButton.disabled = true;
    const answer = await ask("where", model(), ...wells.map((well) => well.picture()));
    whereButton.disabled = false;
    if (now !== asked) return;
    if (!answer || answer.error) return setText(footSay, answer?.error ?? words.no_answer);
    whereSlot.replaceChildren(createWhere(words, say, answer));
    whereSlot.hidden = false;
    scale.hidden = true;
    setText(whereButton, words.back);
    setText(footSay, words.where_open);
  }

  function hideWhere() {
    whereSlot.hidden = true;
    whereSlot.replaceChildren();
    scale.hidden = false;
    setText(whereButton, words.where);
    setText(footSay, words.where_lead);
  }

  show({ seen: [null, null], foreign: [false, false] });
  whereButton.disabled = swap.disabled = true;
  return {
    element,
    refresh(newest) {
      card = newest;
      setText(lead, words[card.towers ? "two_towers_lead" : "dissimilarity_lead"]);
      hills.show(card);
      hills.element.style.display = card.hills ? "" : "none";
      changed(true);
    },
    open: (pair) => wells.forEach((well, side) => well.load(pair[side])),
    // A pasted picture goes to the well under the pointer, else to the first that is empty.
    paste(file) {
      const over = wells.find((well) => well.section.matches(":hover") || well.section.contains(document.activeElement));
      (over ?? wells.find((well) => !well.picture()) ?? wells[1]).take(file);
    },
  };
}

export function sizeOf(card) {
  const [height, width] = card.size;
  return { h: height, w: width };
}
