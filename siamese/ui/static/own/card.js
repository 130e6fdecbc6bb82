// The left column: what the set holds, how a run would split it, and how to save or delete it.

import { button, make, setText } from "../common/dom.js";
import { whole } from "../common/numbers.js";

export function createCard({ words, say, language, onTrain, onBack, onTitle, onHome, onDelete }) {
  const element = make("aside", "own-left");
  const train = button("big primary", words.train, onTrain);
  train.id = "own-train";
  const back = button("big", words.back, onBack);
  const buttons = make("div", "own-buttons");
  buttons.append(train, back);

  const title = make("input");
  title.type = "text";
  title.maxLength = 40;
  title.setAttribute("aria-label", words.title_label);
  title.onchange = () => title.value.trim() && onTitle(title.value);
  const facts = make("dl");
  const skipped = make("p", "soft");
  const notes = make("div");
  const about = make("section", "own-panel own-card");
  about.append(make("h2", "", words.card_title), make("p", "soft", words.card_lead), title, facts, skipped, notes);

  const home = button("", words.home, onHome);
  const remove = button("", words.remove, onDelete);
  const row = make("div", "pad-buttons");
  row.append(home, remove);
  const alone = make("section", "own-panel");
  alone.append(make("h2", "", words.alone_title), make("p", "soft", words.alone_lead), row);
  element.append(buttons, about, alone);

  function fact(label, value) {
    facts.append(make("dt", "", label), make("dd", "", value));
  }

  const phrase = (key, count, values = {}) => say(count === 1 ? `${key}_one` : key, { n: whole(count), ...values });

  function showSplit({ split }) {
    if (split.unseen === "classes") {
      fact(words.learn, phrase("classes", split.train_classes));
      fact(words.validate, phrase("classes", split.validation_classes));
      fact(words.test, phrase("classes", split.test_classes));
    } else {
      const of = (n, classes) => say("pictures_of", { n: whole(n), classes: whole(classes) });
      fact(words.learn, of(split.train, split.train_classes));
      fact(words.validate, of(split.validation, split.validation_classes));
      fact(words.test, of(split.test, split.test_classes));
    }
  }

  function note(strong, text) {
    const node = make("p", "own-note");
    node.append(make("b", "", strong), " ", text);
    notes.append(node);
  }

  function show(card) {
    const hasPictures = card?.count > 0;
    train.disabled = !card?.split || card.progress != null;
    home.disabled = remove.disabled = !hasPictures;
    if (document.activeElement !== title) title.value = card?.title ?? words.default_title;
    facts.replaceChildren();
    notes.replaceChildren();
    fact(words.count_classes, whole(card?.class_count ?? 0));
    const size = card?.size && `, ${card.size[1]} × ${card.size[0]}, ${card.grey ? words.grey : words.colour}`;
    fact(words.count_pictures, whole(card?.count ?? 0) + (size || ""));
    if (card?.split) showSplit(card);
    setText(skipped, card?.skipped_count ? skippedText(card) : "");
    if (!card?.split) note(words[`problem_${card?.problem ?? "empty"}`], words[`problem_${card?.problem ?? "empty"}_do`]);
    for (const each of card?.warnings ?? []) {
      const more = each.more ? say("and_more", { n: whole(each.more) }) : "";
      note(say(`warn_${each.key}`, { other: "", ...each }) + more, words[`warn_${each.key}_do`]);
    }
  }

  function skippedText(card) {
    const sentences = card.skipped.map(({ name, why }) => (why === "twice" ? say("twice", { name }) : why[language]));
    const more = card.skipped_count - sentences.length;
    return `${say("skipped", { n: whole(card.skipped_count) })} ${sentences.join(" ")}${more > 0 ? say("and_more", { n: whole(more) }) : ""}`;
  }

  return { element, show, focus: () => back.focus({ preventScroll: true }) };
}
