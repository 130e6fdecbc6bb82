// A one-shot episode: one question, a support set, and what a person, the network and raw pixels answer.

import { button, make } from "../common/dom.js";
import { fixed, percent } from "../common/numbers.js";
import { image, panel, shortName } from "./cards.js";

export function createEpisode({ words, say, choice, change, openPair, ask, request }) {
  let guess = null; // place of the class that the person chose in this episode
  let key = null;
  let mine = { right: 0, guesses: 0, score: null };
  let many = null;

  function show(answer) {
    const now = `${choice.from}:${choice.way}:${choice.shot}:${choice.seed}:${answer.step}`;
    if (key !== now) {
      if (key === null || now.split(":").slice(0, -2).join() !== key.split(":").slice(0, -2).join()) {
        mine = { right: 0, guesses: 0, score: null };
        many = null;
      }
      [key, guess] = [now, null];
    }
    const { classes } = answer;
    const order = classes.map((_, place) => place).sort((a, b) => classes[a].d - classes[b].d);
    const rank = (place) => order.indexOf(place) + 1;
    const pixels = classes.reduce((best, one, place) => (one.pixels < classes[best].pixels ? place : best), 0);
    const table = make("div", "episode");
    const question = make("figure", "question");
    question.append(image(answer.query, "anchor", words.question), make("figcaption", "", words.question));
    const few = classes.length <= 5 && classes[0].pictures.length === 1;
    const support = make("ul", few ? "support few" : "support");
    classes.forEach((one, place) => support.append(supportClass(one, place, { answer, rank: rank(place), pixels })));
    table.append(question, support);
    const lead = guess === null ? words.episode_ask : say(order[0] === answer.answer ? "episode_found" : "episode_missed", { rank: rank(answer.answer) });
    const where = answer.within ? say("within", { group: answer.group }) : "";
    const title = say("episode_title", { way: classes.length, shot: classes[0].pictures.length });
    return [scores(), panel(title, `${lead} ${where}`, [], table)];
  }

  function supportClass(one, place, { answer, rank, pixels }) {
    const item = make("li");
    const node = button("candidate", "", () => {
      if (guess === null) choose(place, answer);
      else openPair({ at: one.at, step: answer.step });
    });
    const pictures = make("span", "row");
    one.pictures.forEach((uri) => pictures.append(image(uri, "", guess === null ? say("candidate", { n: place + 1 }) : one.name)));
    node.append(pictures);
    if (guess === null) {
      for (const picture of pictures.children) picture.removeAttribute("title");
      node.append(make("span", "soft", String(place + 1)));
    } else {
      const right = place === answer.answer;
      node.classList.toggle("answer", right);
      node.classList.toggle("chosen", rank === 1);
      node.append(make("span", "names", `${right ? "✓ " : ""}${shortName(one.name)}`), make("span", "number", `${rank}. · ${fixed(one.d, 3)}`));
      const tags = make("span", "tags");
      if (rank === 1) tags.append(make("b", "", words.network_says));
      if (place === pixels) tags.append(make("b", "", words.pixels_say));
      if (place === guess) tags.append(make("b", "", words.you_say));
      node.append(tags);
    }
    item.append(node);
    return item;
  }

  async function choose(place, answer) {
    guess = place;
    mine.guesses += 1;
    mine.right += place === answer.answer;
    change({}, false);
    const score = await ask("score", mine.right, mine.guesses);
    if (score?.low != null) mine.score = score;
    change({}, false);
  }

  function scores() {
    const box = make("div", "box status");
    const add = (name, score, detail) => {
      const fact = make("div", "fact");
      fact.append(make("b", "", score ? percent(score.accuracy, 0) : "–"), make("span", "", name), make("span", "soft", detail));
      box.append(fact);
    };
    const between = (score) => say("interval", { low: percent(score.low, 0), high: percent(score.high, 0) });
    const count = say("n_of", { n: mine.right, of: mine.guesses });
    add(words.you, mine.score, mine.score ? `${count} · ${between(mine.score)}` : count);
    add(words.network, many?.network, many ? between(many.network) : words.not_asked);
    add(words.raw_pixels, many?.pixels, many ? between(many.pixels) : words.not_asked);
    add(words.guessing, { accuracy: 1 / (many?.way ?? choice.way) }, words.by_chance);
    const more = button("more", words.hundred, async () => {
      more.disabled = true;
      const answer = await request("many");
      if (answer?.network) many = answer;
      change({}, false);
    });
    box.append(more);
    return box;
  }
  return { show };
}
