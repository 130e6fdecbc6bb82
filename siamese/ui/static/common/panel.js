// A panel of the page: a heading, one sentence, tools at its right, and what the caller appends.

import { button, make } from "./dom.js";

let count = 0;

// → { section, heading, tools, lead }
export function panel(name, title, sentence) {
  const section = make("section", `panel ${name}`);
  const head = make("div", "panel-head");
  const heading = make("h2", "", title);
  heading.id = `live-${name}-${++count}`;
  section.setAttribute("aria-labelledby", heading.id);
  const tools = make("div", "tools");
  head.append(heading, tools);
  const lead = make("p", "lead", sentence);
  section.append(head, lead);
  return { section, heading, tools, lead };
}

// A button that stays pressed until it is pressed again.
export function toggle(text, pressed, onChange) {
  const node = button("toggle", text, () => {
    const on = node.getAttribute("aria-pressed") !== "true";
    node.setAttribute("aria-pressed", String(on));
    onChange(on);
  });
  node.setAttribute("aria-pressed", String(pressed));
  return node;
}

// A list of [kind of line, what it means].
export function legend(entries) {
  const list = make("ul", "legend");
  fillLegend(list, entries);
  return list;
}

const contents = new WeakMap();

// Leaves the page alone where the list says it already.
export function fillLegend(list, entries) {
  const key = JSON.stringify(entries);
  if (contents.get(list) === key) return;
  contents.set(list, key);
  list.replaceChildren(
    ...entries.map(([kind, text]) => {
      const item = make("li");
      item.append(make("i", `swatch ${kind}`), make("span", "", text));
      return item;
    }),
  );
}
