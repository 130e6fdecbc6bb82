// Two images: their dissimilarity as a number, in words, and on the scale of the model.

import { button, make, setText } from "../common/dom.js";
import { fixed } from "../common/numbers.js";
import { createHills } from "./hills.js";
import { newestOnly } from "./newest.js";
import { tenths, verdict } from "./verdict.js";
import { createWell } from "./well.js";
import { createWhere } from "./where.js";

const REST = 350; // milliseconds without a new point after which the pen rests and the words appear

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
  const placement = make("p", "placed");
  const scale = make("div", "hills-view");
  scale.append(hills.element, placement);
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
  let latest = null; // the newest answer with a dissimilarity
  let newestChange = 0; // the number of the newest change; late answers for other pictures are ignored
  let answeredChange = 0; // the change that the newest answer belongs to
  const measure = newestOnly(
    (_, ...values) => ask("measure", ...values),
    (answer, [change]) => ((answeredChange = change), show(answer)),
  );

  function changed(rested = false) {
    newestChange += 1;
    hideWhere();
    const [left, right] = wells.map((well) => well.picture());
    whereButton.disabled = !(left && right);
    swap.disabled = !left && !right;
    if (!left && !right) return show({ seen: [null, null], foreign: [false, false] });
    element.dataset.state = "asking";
    element.dataset.moving = String(!rested);
    measure(newestChange, model(), left, right);
    clearTimeout(timer);
    timer = setTimeout(() => ((element.dataset.moving = "false"), writeWords()), rested ? 0 : REST);
  }

  function show(answer) {
    if (!answer || answer.error) {
      latest = null;
      number.textContent = "–";
      setText(verdictLine, answer?.error ?? words.no_answer);
      verdictLine.className = "verdict error";
      hills.mark(null);
      writeWords();
      return;
    }
    wells.forEach((well, side) =>
      well.showSeen(answer.seen[side], card ? say("seen", sizeOf(card)) : "", answer.foreign[side] ? words.foreign : ""),
    );
    latest = answer.dissimilarity == null ? null : answer;
    element.dataset.value = latest ? latest.dissimilarity : "";
    element.dataset.state = latest ? (latest.same ? "same" : "different") : "empty";
    number.textContent = latest ? fixed(latest.dissimilarity, 4) : "–";
    hills.mark(latest ? latest.dissimilarity : null);
    if (!latest) {
      setText(verdictLine, words.invite);
      verdictLine.className = "verdict soft";
    }
    writeWords();
  }

  // The number and the marker follow the pen. The words wait until it rests and the drawing is complete.
  function writeWords() {
    if (!latest || element.dataset.moving === "true" || answeredChange !== newestChange) {
      for (const node of [doubt, squares, placement]) node.style.visibility = "hidden";
      if (latest) {
        setText(verdictLine, "…");
        verdictLine.className = "verdict soft";
      }
      return;
    }
    for (const node of [doubt, squares, placement]) node.style.visibility = "visible";
    // Its accuracy was measured on pictures of its own kind, so there are no words for foreign pictures.
    if (latest.foreign.some(Boolean)) {
      setText(verdictLine, `? ${words.unsure}`);
      verdictLine.className = "verdict unsure";
      setText(doubt, words.unknown_doubt);
      squares.replaceChildren();
      setText(placement, "");
      return;
    }
    const decision = verdict(latest.same, latest.different);
    setText(verdictLine, `${decision.sign} ${words[decision.word]}`);
    verdictLine.className = `verdict ${decision.word === "unsure" ? "unsure" : decision.same ? "same" : "different"}`;
    if (decision.count == null) {
      setText(doubt, words.uncalibrated);
      squares.replaceChildren();
      setText(placement, "");
      return;
    }
    setText(doubt, say(decision.same ? "count_same" : "count_different", decision));
    const different = tenths(latest.different);
    squares.replaceChildren(...Array.from({ length: 10 }, (_, i) => make("i", i < 10 - different ? "" : "d")));
    setText(placement, say("placed", latest));
  }

  async function toggleWhere() {
    if (!whereSlot.hidden) return hideWhere();
    const now = newestChange;
    whereButton.disabled = true;
    const answer = await ask("where", model(), ...wells.map((well) => well.picture()));
    whereButton.disabled = false;
    if (now !== newestChange) return;
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
    // A pasted picture goes into the well under the pointer, else into the first empty one.
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
