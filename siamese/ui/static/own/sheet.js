// The classes with their pictures. A visitor can rename a class, remove a picture, or choose the class of the next one.

import { button, make, setText } from "../common/dom.js";
import { whole } from "../common/numbers.js";

const AT_ONCE = 100; // thumbnails in one request
export const ENOUGH = 5; // pictures of a class; then its row has no plus, and the pad goes on to the next class
const FEW = 4; // a class with fewer pictures has none to hold out

// ask(numbers) → { number: data URL }; change(server function, ...values) sends a change.
export function createSheet({ words, say, ask, onPick, onNew, change }) {
  const element = make("section", "own-panel own-sheet");
  const head = make("div", "own-head");
  head.append(make("h2", "", words.sheet_title), button("tool", words.new_class, onNew));
  const list = make("ul");
  const more = make("p", "soft");
  element.append(head, make("p", "soft", words.sheet_lead), list, more);

  const urls = new Map(); // number of a picture → its thumbnail
  const rows = new Map(); // name of a class → its row
  let editing = null;
  let latest = null;
  let loading = false;

  function show(card) {
    if (latest && card?.data !== latest.data) urls.clear();
    latest = card;
    const classes = card?.classes ?? [];
    rows.clear();
    list.replaceChildren(...classes.map((each) => row(each, card.split)));
    if (!classes.length) list.append(make("li", "own-empty soft", words.sheet_empty));
    const hidden = (card?.class_count ?? 0) - classes.length;
    setText(more, hidden > 0 ? say("more_classes", { n: whole(hidden) }) : "");
    void load();
  }

  function row(each, split) {
    const node = make("li", "own-class");
    node.dataset.class = each.name;
    const thumbs = make("div", "own-thumbs");
    each.pictures.forEach((number, place) => thumbs.append(thumb(each, number, place)));
    const hidden = each.count - each.pictures.length;
    if (hidden > 0) thumbs.append(make("span", "soft", `+${whole(hidden)}`));
    if (each.count < ENOUGH) thumbs.append(adder(each));
    node.append(editing === each.name ? editor(each) : title(each), thumbs, tag(each, split));
    rows.set(each.name, node);
    return node;
  }

  function adder(each) {
    const add = button("own-add", "+", () => onPick(each.name));
    add.setAttribute("aria-label", say("add_to", { name: each.name }));
    return add;
  }

  function title(each) {
    const node = button("own-name", each.name, () => {
      editing = each.name;
      show(latest);
      rows.get(each.name)?.querySelector("input")?.select();
    });
    node.title = words.rename;
    return node;
  }

  function editor(each) {
    const box = make("div", "own-editor");
    const input = make("input");
    input.type = "text";
    input.maxLength = 40;
    input.value = each.name;
    input.setAttribute("aria-label", words.rename);
    const done = (save) => {
      if (editing !== each.name) return;
      editing = null;
      const name = input.value.trim();
      if (save && name && name !== each.name) change("own_change", "rename_class", each.name, name);
      else show(latest);
    };
    input.onkeydown = (event) => {
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    };
    box.onfocusout = (event) => box.contains(event.relatedTarget) || done(true);
    const remove = button("tool", words.remove_class, () => {
      editing = null;
      change("own_change", "remove_class", each.name);
    });
    box.append(input, remove);
    return box;
  }

  function thumb(each, number, place) {
    const node = button("own-thumb", null, async () => {
      await change("own_change", "remove", number);
      // Keep the keyboard focus at this place: on the next picture of the row, or on its plus.
      rows.get(each.name)?.querySelectorAll("button.own-thumb, button.own-add")[place]?.focus();
    });
    const image = make("img");
    image.alt = say("picture_alt", { name: each.name, n: place + 1 });
    if (urls.has(number)) image.src = urls.get(number);
    else image.dataset.number = number;
    node.title = words.take_out;
    node.append(image, make("span", "own-cross", "✕"));
    node.lastChild.setAttribute("aria-hidden", "true");
    return node;
  }

  function tag(each, split) {
    const node = make("span", "own-tag");
    if (each.count && each.count < FEW) node.append(make("b", "", `✕ ${words.few}`));
    else if (split?.unseen === "classes" && each.held_out) node.append(words.held_out);
    else if (each.held_out) node.append(say("held_out_n", { n: each.held_out }));
    return node;
  }

  // Loads the missing thumbnails in batches, from the top.
  async function load() {
    if (loading) return;
    loading = true;
    for (;;) {
      const missing = [...list.querySelectorAll("img[data-number]")].slice(0, AT_ONCE);
      if (!missing.length) break;
      const answer = await ask(missing.map((image) => Number(image.dataset.number)));
      if (!answer) break;
      for (const [number, url] of Object.entries(answer)) urls.set(Number(number), url);
      let loaded = 0;
      for (const image of list.querySelectorAll("img[data-number]")) {
        const url = urls.get(Number(image.dataset.number));
        if (!url) continue;
        image.src = url;
        delete image.dataset.number;
        loaded++;
      }
      if (!loaded) break;
    }
    loading = false;
  }

  function mark(name) {
    for (const [each, node] of rows) node.classList.toggle("current", each === name);
  }

  return { element, show, mark };
}
