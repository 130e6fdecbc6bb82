// The head of the page: switches for light or dark and for larger type on a projector. The browser stores them.

import { button, make } from "./dom.js";

export function mount({ root, words }) {
  const { classList } = document.body;
  if (stored("siamese:projector") === "on") classList.add("projector");
  const theme = stored("siamese:theme");
  if (theme) classList.toggle("dark", theme === "dark");
  const tools = make("div", "page-tools");
  tools.append(
    switchOf("A⁺", words.projector, "projector", (on) => remember("siamese:projector", on ? "on" : "off")),
    switchOf("◐", words.dark, "dark", (on) => remember("siamese:theme", on ? "dark" : "light")),
  );
  root.replaceChildren(make("h1", "", "Siamese"), tools);
}

// A button that switches a class of the body. keep(on) stores the choice.
function switchOf(text, label, className, keep) {
  const { classList } = document.body;
  const node = button("", text, () => {
    const on = classList.toggle(className);
    keep(on);
    node.setAttribute("aria-pressed", String(on));
    window.dispatchEvent(new Event("resize"));
  });
  node.title = label;
  node.setAttribute("aria-pressed", String(classList.contains(className)));
  return node;
}

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser without storage can still switch.
  }
}
