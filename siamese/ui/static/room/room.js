// The room: every run as a small live chart. "?room" is the teacher's page, "?room=watch" the one for a projector, and
// "?room=KEY" the teacher's on another machine. The key disappears from the address bar at once, because people in the
// room can read it there.

import { make } from "../common/dom.js";
import { inLanguage } from "../common/language.js";
import { Bar } from "./bar.js";
import { Join } from "./join.js";
import { Sets } from "./sets.js";

const EVERY = 1000; // milliseconds between two requests
const HIDDEN = 10000; // the same while the page is not visible
const STORED = "siamese:room";

export async function mount({ root, words, say, ask, gone, language, data }) {
  const parameter = new URLSearchParams(location.search).get("room");
  if (parameter === null) return;
  const watching = parameter === "watch";
  const key = keyOf(parameter);
  document.body.classList.add("room-page");
  root.closest("#room").classList.add("here");
  const state = { ending: false };
  const text = { words, say, titles: data.titles[language] };
  const act = async (action, value) => {
    await ask("teach", key, action, value);
    await look();
  };
  const bar = new Bar(text, data.longest, { act, arm: (on) => arm(on) });
  const sets = new Sets(text, (id) => act("end", id).then(() => arm(false)));
  const join = new Join(text, gone);
  const notice = make("p", "notice");
  notice.setAttribute("role", "status");
  const main = make("div", "main");
  const title = make("h2", "title", words.title);
  main.append(title, bar.section, notice, sets.box);
  root.replaceChildren(main, join.box);

  const arm = (on) => {
    state.ending = on;
    root.classList.toggle("ending", on);
    bar.arm(on);
  };

  async function look() {
    const answer = await ask("room", key);
    if (!answer) {
      tell(words.reconnecting);
      return;
    }
    if (answer.closed) {
      root.replaceChildren(make("p", "notice", words.closed));
      return;
    }
    const teaching = answer.teacher && !watching;
    tell(answer.on_hold ? (teaching ? words.on_hold : words.on_hold_watch) : inLanguage(answer.fault ?? ""));
    bar.show(answer, teaching);
    sets.show(answer.sets);
    join.show(answer);
  }

  function tell(sentence) {
    notice.hidden = !sentence;
    if (notice.textContent !== sentence) notice.textContent = sentence;
  }

  while (!gone.aborted) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, document.visibilityState === "visible" ? EVERY : HIDDEN));
  }
}

// The key in the address, or the one that this browser tab has stored.
function keyOf(parameter) {
  try {
    if (parameter && parameter !== "watch") {
      sessionStorage.setItem(STORED, parameter);
      history.replaceState(null, "", "?room");
    }
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return parameter; // a browser without storage
  }
}
