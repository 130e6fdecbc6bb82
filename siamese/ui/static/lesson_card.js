// One lesson at a time: read, guess, watch, then see the answer.
const root = element.querySelector(".lesson-card") || element;
const guesses = {};
const revealed = {};

function button(className, text, press) {
  const node = make("button", className, text);
  node.type = "button";
  node.onclick = press;
  return node;
}

const TABS = ["train", "pairs", "compare"];
const openTab = (at) => document.querySelectorAll("#tabs [role=tab]")[at]?.click();
const open = (id) => trigger("open_lesson", { id });

function question(lesson, told) {
  const box = make("div", "question");
  box.append(make("p", "ask", told.question));
  const guess = guesses[lesson.id];
  told.options.forEach((option, i) => {
    const choice = button("option", option, () => {
      guesses[lesson.id] = i;
      draw();
    });
    choice.setAttribute("aria-pressed", String(guess === i));
    if (revealed[lesson.id]) {
      choice.disabled = true;
      if (i === lesson.answer) choice.classList.add("right");
    }
    box.append(choice);
  });
  if (guess === undefined) {
    box.append(make("p", "soft", words.guess));
  } else if (!revealed[lesson.id]) {
    box.append(make("p", "soft", words.wait));
    box.append(
      button("reveal", words.reveal, () => {
        revealed[lesson.id] = true;
        draw();
      }),
    );
  } else {
    const right = guess === lesson.answer;
    const answer = say("truth", { answer: told.options[lesson.answer] });
    box.append(make("p", "outcome", right ? words.right : `${words.other} ${answer}`));
    box.append(make("p", "", told.reveal));
  }
  return box;
}

function draw() {
  const at = LESSONS.findIndex((lesson) => lesson.id === props.lesson);
  root.dataset.lesson = at < 0 ? "" : props.lesson;
  if (at < 0) {
    root.replaceChildren(button("invite", `${words.invite} →`, () => open(LESSONS[0].id)));
    return;
  }
  const lesson = LESSONS[at];
  const told = lesson[language];
  const head = make("div", "head");
  const number = say("number", { n: at + 1, m: LESSONS.length });
  head.append(make("span", "soft", number), button("leave", words.leave, () => open(null)));
  const steps = make("div", "walk");
  if (at > 0) steps.append(button("", `← ${words.back}`, () => open(LESSONS[at - 1].id)));
  if (at + 1 < LESSONS.length) steps.append(button("", `${words.next} →`, () => open(LESSONS[at + 1].id)));
  const elsewhere = TABS.indexOf(lesson.tab);
  const go = button("go", `${words[lesson.tab] ?? ""} →`, () => openTab(elsewhere));
  go.hidden = elsewhere <= 0;
  root.replaceChildren(
    head,
    make("h2", "", told.title),
    make("p", "", told.text),
    make("p", "watch", told.watch),
    go,
    question(lesson, told),
    steps,
  );
}

watch("lesson", draw);
draw();
