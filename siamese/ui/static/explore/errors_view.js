// The most telling pairs of all test pairs: mistakes, the hardest, those nearest to the threshold.

import { button, make } from "../common/dom.js";
import { fixed, percent, whole } from "../common/numbers.js";
import { legend, pairCard, panel, wallOf } from "./cards.js";

const ORDERS = ["mistakes", "hardest_same", "hardest_different", "nearest"];

export function createErrors({ words, say, choice, change, openPair }) {
  function show(answer) {
    const { cards, threshold, scale, pairs, wrong } = answer;
    const tools = ORDERS.map((order) => {
      const node = button("tool", words[`order_${order}`], () => change({ errors: order }));
      node.setAttribute("aria-pressed", String(choice.errors === order));
      return node;
    });
    const facts = make("div", "box status");
    const add = (value, name, detail) => {
      const box = make("div", "fact");
      box.append(make("b", "", value), make("span", "", name), make("span", "soft", detail));
      facts.append(box);
    };
    add(whole(pairs.same + pairs.different), words.all_pairs, say("of_images", { n: whole(answer.images), unseen: words[answer.unseen] ?? answer.unseen }));
    add(percent(wrong.different / Math.max(1, pairs.different)), words.false_accepts, say("n_of", { n: whole(wrong.different), of: whole(pairs.different) }));
    add(percent(wrong.same / Math.max(1, pairs.same)), words.false_rejects, say("n_of", { n: whole(wrong.same), of: whole(pairs.same) }));
    const nodes = cards.map((card) => pairCard(card, { words, threshold, scale, open: (one) => openPair({ at: one.at, step: answer.step }) }));
    const empty = make("p", "lead none", words.no_errors);
    const entries = [["s", words.same], ["d", words.different], ["t", `${words.threshold} ${fixed(threshold, 3)}`], ["w", words.wrong], ["o", words.distance]];
    const body = cards.length ? wallOf(nodes) : empty;
    return [facts, panel(words[`title_${choice.errors}`], words[`lead_${choice.errors}`], tools, body, legend(entries))];
  }
  return { show };
}
