// The wall: the pairs of a batch, and the game of saying first what they are.

import { button, make } from "../common/dom.js";
import { fixed, percent, whole } from "../common/numbers.js";
import { image, legend, pairCard, panel, wallOf } from "./cards.js";

export function createWall({ words, say, choice, change, openPair, ask }) {
  let guesses = new Map(); // number of a card → true for "same"
  let game = null;

  function show(answer) {
    if (answer.empty) return [panel(words.batch_title, words.no_step)];
    if (choice.guess) return showGuess(answer);
    game = null;
    const { step, total, cards, threshold, scale, loss } = answer;
    const tools = [
      tool(words.as_drawn, choice.order !== "loss", () => change({ order: "drawn" })),
      tool(words.most_loss, choice.order === "loss", () => change({ order: "loss" })),
    ];
    const title = step ? say("batch_of_step", { step: whole(step) }) : words.batch_title;
    const key = choice.order === "loss" && answer.forces ? "lead_loss" : step ? "lead_step" : "lead_seed";
    const lead = say(key, { n: cards.length, total: whole(total), seed: answer.seed });
    const entries = [["s", words.same], ["d", words.different]];
    if (threshold != null) entries.push(["t", `${words.threshold} ${fixed(threshold, 3)}`], ["w", words.wrong], ["o", words.distance]);
    if (answer.forces) entries.push(["p", loss == null ? words.share : say("share_of", { loss: fixed(loss, 3) })]);
    const open = answer.forces ? (card) => openPair({ number: card.number, step, seed: answer.seed }) : null;
    const nodes = cards.map((card) => pairCard(card, { words, threshold, scale, open }));
    return [panel(title, lead, answer.forces ? tools : [], wallOf(nodes), legend(entries))];
  }

  function tool(text, pressed, press) {
    const node = button("tool", text, press);
    node.setAttribute("aria-pressed", String(pressed));
    return node;
  }

  // ---- the guessing game: names, signs and the order of the cards do not reveal the answer

  function showGuess(answer) {
    const key = `${answer.step}:${answer.seed}:${answer.cards.length}`;
    if (game?.key !== key) {
      guesses = new Map();
      game = { key, cards: shuffled(answer.cards, (answer.step || 1) * 7919 + answer.seed) };
    }
    const { cards } = game;
    const done = guesses.size === cards.length;
    const nodes = cards.map((card) => guessCard(card, answer, done));
    const progress = make("p", "lead said");
    progress.setAttribute("role", "status");
    if (!done) progress.textContent = say("guessed", { n: guesses.size, total: cards.length });
    return [panel(words.guess_title, done ? words.guess_done : words.guess_lead, [], ...(done ? [result(answer)] : []), wallOf(nodes), progress)];
  }

  function guessCard(card, answer, done) {
    const mine = guesses.get(card.number);
    if (done) {
      const line = make("span", `mine ${mine === card.same ? "right" : "off"}`);
      line.textContent = `${mine === card.same ? "✓" : "✕"} ${say("you_said", { what: mine ? words.same : words.different })}`;
      return pairCard({ ...card, force: null }, { words, threshold: answer.threshold, scale: answer.scale, extra: [line] });
    }
    const node = make("div", "pair-card hidden-truth");
    node.tabIndex = 0;
    node.setAttribute("role", "group");
    node.setAttribute("aria-label", words.guess_title);
    const pictures = make("span", "pictures");
    pictures.append(image(card.left, "unsaid", words.first_picture), image(card.right, "unsaid", words.second_picture));
    pictures.querySelectorAll("img").forEach((one) => one.removeAttribute("title"));
    const asks = make("span", "asks");
    for (const [same, sign] of [[true, "="], [false, "≠"]]) {
      const node = button("", `${sign} ${same ? words.same : words.different}`, () => guess(card, same));
      node.setAttribute("aria-pressed", String(mine === same));
      asks.append(node);
    }
    node.append(pictures, asks);
    node.onkeydown = (event) => {
      const same = { s: true, "=": true, d: false }[event.key.toLowerCase()];
      if (same === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      guess(card, same);
    };
    return node;
  }

  function guess(card, same) {
    guesses.set(card.number, same);
    change({}, false);
    // The keyboard focus goes to the next pair without a guess.
    const next = game.cards.findIndex((one) => !guesses.has(one.number));
    if (next >= 0) document.querySelectorAll(".explore .hidden-truth")[next]?.focus({ preventScroll: false });
  }

  function result(answer) {
    const { cards } = game;
    const row = make("div", "scores-row");
    const add = (name, right) => {
      const box = make("div", "fact");
      box.append(make("b", "", `${right} / ${cards.length}`), make("span", "", name), make("span", "soft", percent(right / cards.length, 0)));
      row.append(box);
      return box;
    };
    const mine = cards.filter((card) => guesses.get(card.number) === card.same).length;
    const you = add(words.you, mine);
    if (answer.threshold != null) add(words.network, cards.filter((card) => card.d < answer.threshold === card.same).length);
    if (cards[0].pixels_same != null) add(words.pixels_best, cards.filter((card) => card.pixels_same === card.same).length);
    ask("score", mine, cards.length).then((score) => {
      if (score?.low != null) you.lastElementChild.textContent = say("interval", { low: percent(score.low, 0), high: percent(score.high, 0) });
    });
    return row;
  }

  return { show };
}

// The same order for the same seed (mulberry32), so that two people can compare.
export function shuffled(list, seed) {
  const copy = [...list];
  let a = seed >>> 0;
  const random = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

