// A panel of the page: a heading, tools at its right, one sentence, and the content that the caller adds.

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

// A button that stays pressed until the next press.
export function toggle(text, pressed, onChange) {
  const node = button("toggle", text, () => {
    const on = node.getAttribute("aria-pressed") !== "true";
    node.setAttribute("aria-pressed", String(on));
    onChange(on);
  });
  node.setAttribute("aria-pressed", String(pressed));
  return node;
}

// A legend. entries: [kind of line, its meaning].
export function legend(entries) {
  const list = make("ul", "legend");
  fillLegend(list, entries);
  return list;
}

const contents = new WeakMap();

// Changes nothing where the list has these entries already.
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
