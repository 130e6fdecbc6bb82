// One lesson at a time: a visitor reads it, guesses, watches the run, then sees the answer.

import { button, make } from "../common/dom.js";

const TABS = ["train", "pairs", "compare"];
const openTab = (at) => document.querySelectorAll("#tabs [role=tab]")[at]?.click();

export function mount({ root, props, words, say, watch, trigger, language, data: lessons }) {
  const guesses = new Map(); // lesson id → index of the chosen option
  const revealed = new Set(); // ids of the lessons whose answer is on screen
  const open = (id) => trigger("open_lesson", { id });

  function question(lesson, text) {
    const box = make("div", "question");
    box.append(make("p", "ask", text.question));
    const guess = guesses.get(lesson.id);
    text.options.forEach((option, i) => {
      const choice = button("option", option, () => {
        guesses.set(lesson.id, i);
        draw();
      });
      choice.setAttribute("aria-pressed", String(guess === i));
      if (revealed.has(lesson.id)) {
        choice.disabled = true;
        if (i === lesson.answer) choice.classList.add("right");
      }
      box.append(choice);
    });
    box.append(...answer(lesson, text, guess));
    return box;
  }

  function answer(lesson, text, guess) {
    if (guess === undefined) return [make("p", "soft", words.guess)];
    if (!revealed.has(lesson.id)) {
      const reveal = button("reveal", words.reveal, () => {
        revealed.add(lesson.id);
        draw();
      });
      return [make("p", "soft", words.wait), reveal];
    }
    const truth = say("truth", { answer: text.options[lesson.answer] });
    const outcome = guess === lesson.answer ? words.right : `${words.other} ${truth}`;
    const then = button("go", `${words.board} →`, () => {
      history.replaceState(null, "", "?compare=board"); // the tab reads it when it opens for the first time
      window.dispatchEvent(new Event("siamese:compare"));
      openTab(TABS.indexOf("compare"));
    });
    return [make("p", "outcome", outcome), make("p", "", text.reveal), ...(lesson.then === "board" ? [then] : [])];
  }

  function draw() {
    const at = lessons.findIndex((lesson) => lesson.id === props.lesson);
    root.dataset.lesson = at < 0 ? "" : props.lesson;
    if (at < 0) {
      const invite = button("invite", words.invite, () => open(lessons[0].id));
      invite.append(make("span", "", "→"));
      root.replaceChildren(invite);
      return;
    }
    const lesson = lessons[at];
    const text = lesson[language];
    const head = make("div", "head");
    const number = say("number", { n: at + 1, m: lessons.length });
    head.append(make("span", "soft", number), button("leave", words.leave, () => open(null)));
    const walk = make("div", "walk");
    if (at > 0) walk.append(button("", `← ${words.back}`, () => open(lessons[at - 1].id)));
    if (at + 1 < lessons.length) walk.append(button("", `${words.next} →`, () => open(lessons[at + 1].id)));
    const elsewhere = TABS.indexOf(lesson.tab);
    const go = button("go", `${words[lesson.tab] ?? ""} →`, () => openTab(elsewhere));
    go.hidden = elsewhere <= 0;
    root.replaceChildren(
      head,
      make("h2", "", text.title),
      make("p", "", text.text),
      make("p", "watch", text.watch),
      go,
      question(lesson, text),
      walk,
    );
  }

  watch("lesson", draw);
  draw();
}
