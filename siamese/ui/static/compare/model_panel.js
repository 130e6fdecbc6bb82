// The model panel: the choice of a model, its training data, its scores beside raw pixels, and its whole card.

import { button, make, setText } from "../common/dom.js";
import { inLanguage } from "../common/language.js";
import { percent, whole } from "../common/numbers.js";

const FOR_DRAWINGS = ["drawings", "glyphs"]; // shipped models, the better one first

// context: { words, say, ask, upload, onModel(card) }.  → { element, model(), offer(models), choose(key) }
export function createModelPanel({ words, say, ask, upload, onModel }) {
  const element = make("section", "panel model");
  const head = make("div", "panel-head");
  const cardButton = button("plain", words.whole_card, () => {
    dialog.showModal();
    dialog.scrollTop = 0; // the browser has moved to the button that closes it, below the card
  });
  head.append(make("h2", "", words.model), cardButton);
  const lead = make("p", "lead");
  const row = make("div", "row");
  const left = make("div");
  const select = make("select");
  select.setAttribute("aria-label", words.model);
  const learnt = make("p", "soft small");
  const tools = make("div", "ways-row");
  const input = make("input");
  Object.assign(input, { type: "file", accept: ".safetensors", hidden: true });
  const bring = button("tool", words.own_file, () => input.click());
  const renew = button("tool", words.renew, () => take(true));
  tools.append(bring, renew, input);
  left.append(select, learnt, tools);
  const table = make("table");
  row.append(left, table);
  const dialog = make("dialog", "card-dialog");
  const note = make("p", "soft small");
  note.setAttribute("role", "status");
  element.append(head, lead, row, note, dialog);

  let serverModels = [];
  let ofPhotographs = false;
  let fileModels = [];
  let key = null;

  const bestForDrawings = () => FOR_DRAWINGS.find((name) => serverModels.some(([, value]) => value === name));

  function fill() {
    const all = [...fileModels, ...serverModels];
    select.replaceChildren(...all.map(([title, value]) => Object.assign(make("option", "", inLanguage(title)), { value })));
    if (!all.some(([, value]) => value === key)) key = bestForDrawings() ?? all[0]?.[1] ?? null;
    select.value = key;
  }

  async function take(again = false) {
    const requestKey = key;
    const card = await ask("card", key, again);
    if (requestKey !== key) return;
    if (!card || card.error) {
      setText(note, card?.error ?? words.no_answer);
      return;
    }
    setText(note, "");
    element.dataset.step = card.step;
    element.dataset.model = key;
    renew.hidden = !card.running;
    setText(lead, card.running ? say("snapshot", { step: card.step }) : say("tested", { unseen: words[card.unseen] ?? card.unseen }));
    setText(learnt, card.learnt ? say(`learnt_${card.kind}` in words ? `learnt_${card.kind}` : "learnt", { n: whole(card.learnt) }) : say("by_recipe", card));
    const body = make("tbody");
    const titles = make("tr");
    titles.append(make("th", "", words[`part_${card.tested}`]), make("th", "", words.this_network), make("th", "", words.raw_pixels));
    body.append(titles);
    for (const [name, way, ours, pixels] of card.rows) {
      const line = make("tr");
      const [network, raw] = [make("td"), make("td", "soft", percent(pixels))];
      network.append(make("b", "", percent(ours)));
      line.append(make("td", "", name === "oneshot" ? say("way_oneshot", { n: way }) : words.pairs_right), network, raw);
      body.append(line);
    }
    table.replaceChildren(body);
    const close = button("button", words.close, () => dialog.close());
    dialog.replaceChildren(make("pre", "", card.text ?? JSON.stringify(card.rows, null, 1)), ...(card.command ? [make("pre", "", card.command)] : []), close);
    dialog.setAttribute("aria-label", words.whole_card);
    cardButton.hidden = !card.text;
    ofPhotographs = card.dark === null;
    onModel(card, key);
  }

  select.onchange = () => {
    key = select.value;
    take();
  };
  input.onchange = async () => {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    setText(note, words.uploading);
    try {
      const { path } = await upload(file);
      const answer = await ask("bring", path, file.name);
      if (!answer || answer.error) return setText(note, answer?.error ?? words.no_answer);
      fileModels = [[answer.title, answer.key], ...fileModels].slice(0, 4);
      key = answer.key;
      fill();
      take();
    } catch {
      setText(note, words.no_answer);
    }
  };

  return {
    element,
    model: () => key,
    offer(models) {
      serverModels = models;
      const before = key;
      fill();
      if (key !== before && key) take();
    },
    // A board has drawings, so a model of drawings replaces a model of photographs.
    chooseForDrawings() {
      const better = bestForDrawings();
      if (ofPhotographs && better) this.choose(better);
    },
    choose(newKey) {
      if (newKey === key) return;
      key = newKey;
      fill();
      if (key === newKey) take();
    },
  };
}
