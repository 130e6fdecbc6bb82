// Cards of pairs: two pictures, same or different, their distance on a scale, and what the loss asks of them.

import { make } from "../common/dom.js";
import { fixed, percent } from "../common/numbers.js";
import { arrows } from "./arrows.js";

// A class named after a character ends with it: "GEORGIAN LETTER BAN ბ" becomes "ბ".
export function shortName(name) {
  const last = name.split(" ").at(-1);
  return [...last].length === 1 ? last : name;
}

export function image(uri, side, name) {
  const node = make("img", side);
  node.src = uri;
  node.alt = name;
  node.title = name;
  return node;
}

export function truth(words, same, names = []) {
  const line = make("span", `truth ${same ? "same" : "different"}`);
  line.append(make("span", "", same ? "=" : "≠"), make("span", "", same ? words.same : words.different));
  const distinct = same && names[0] === names[1] ? names.slice(0, 1) : names;
  if (distinct.length) {
    const short = make("span", "names", distinct.map(shortName).join("  "));
    short.title = distinct.join(", ");
    if (short.textContent.length > 8) line.classList.add("long"); // long names get their own line
    line.append(short);
  }
  return line;
}

// A distance on a scale: the zone of "same", the threshold as a dashed line, the distance as a dot.
export function gauge(distance, threshold, scale) {
  const place = (value) => `${Math.min(100, (100 * value) / scale)}%`;
  const row = make("span", "gauge-row");
  const bar = make("span", "gauge-bar");
  if (threshold != null) {
    const [zone, line] = [make("i", "zone"), make("i", "line")];
    zone.style.width = line.style.left = place(threshold);
    bar.append(zone, line);
  }
  const dot = make("i", "dot");
  dot.style.left = place(distance);
  bar.append(dot);
  row.append(bar, make("span", "number", fixed(distance, 3)));
  return row;
}

export const shareText = (share) => (share < 0.0005 ? `< ${percent(0.001)}` : percent(share));

export function badge(words) {
  const node = make("span", "badge", "✕");
  node.title = words.wrong;
  return node;
}

// card: { left, right, names, same, d?, share?, force? }.  open: called on a click; without it the card is no button.
export function pairCard(card, { words, threshold, scale, open = null, extra = [] }) {
  const side = card.same ? "same" : "different";
  const node = make(open ? "button" : "div", `pair-card ${side}${card.force === "none" ? " alone" : ""}`);
  if (open) {
    node.type = "button";
    node.onclick = () => open(card);
  }
  const hasDistance = card.d != null;
  if (hasDistance && threshold != null && card.d < threshold !== card.same) node.append(badge(words));
  const stack = make("span", "stack");
  const pictures = make("span", "pictures");
  pictures.append(image(card.left, side, card.names[0]), image(card.right, side, card.names[1]));
  stack.append(pictures);
  if (card.force) stack.append(arrows(card.force, 165));
  node.append(stack, truth(words, card.same, card.names));
  if (hasDistance) node.append(gauge(card.d, threshold, scale));
  if (card.force) {
    const what = make("span", "what");
    what.append(make("b", "", words[`force_${card.force}`]));
    if (card.force !== "none") what.append(` · ${shareText(card.share)}`);
    node.append(what);
  }
  node.append(...extra);
  return node;
}

export function legend(entries) {
  const list = make("ul", "legend");
  for (const [sign, text] of entries) {
    const item = make("li");
    item.append(make("i", `sw ${sign}`, sign === "w" ? "✕" : ""), make("span", "", text));
    list.append(item);
  }
  return list;
}

// A panel with a title, tools, one sentence and its content.
export function panel(title, lead, tools = [], ...content) {
  const section = make("section", "box");
  const head = make("div", "box-head");
  head.append(make("h2", "", title));
  if (tools.length) {
    const group = make("div", "tools");
    group.append(...tools);
    head.append(group);
  }
  section.append(head);
  if (lead) section.append(make("p", "lead", lead));
  section.append(...content);
  return section;
}

export function wallOf(nodes) {
  const list = make("ul", "cards");
  for (const node of nodes) {
    const item = make("li");
    item.append(node);
    list.append(item);
  }
  return list;
}
