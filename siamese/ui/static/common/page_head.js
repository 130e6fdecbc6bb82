// The head of the page: light or dark, and larger type for a projector; remembered by this browser.

import { button, make } from "./dom.js";

export function mount({ root, words }) {
  const { classList } = document.body;
  if (remembered("siamese:projector") === "on") classList.add("projector");
  const theme = remembered("siamese:theme");
  if (theme) classList.toggle("dark", theme === "dark");
  const tools = make("div", "page-tools");
  tools.append(
    switchOf("A⁺", words.projector, "projector", (on) => remember("siamese:projector", on ? "on" : "off")),
    switchOf("◐", words.dark, "dark", (on) => remember("siamese:theme", on ? "dark" : "light")),
  );
  root.replaceChildren(make("h1", "", "Siamese"), tools);
}

// A button that gives the body a class or takes it away.
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

function remembered(key) {
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
    // A browser that keeps nothing still switches.
  }
}
