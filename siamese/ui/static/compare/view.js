// The Compare tab: two images, or one against many, by one model.

import { button, make } from "../common/dom.js";
import { speak } from "../common/language.js";
import { createBoard } from "./board.js";
import { createModelPanel } from "./model_panel.js";
import { shape } from "../common/svg.js";
import { createTwo } from "./two.js";

export function mount({ root, props, words, say, data, watch, ask, upload, language, gone }) {
  const inputs = speak(data.pictures).words;
  const model = () => panel.model();
  const context = { words, say, inputs, ask, model, language };
  const two = createTwo(context);
  const many = createBoard(context);
  const panel = createModelPanel({
    words,
    say,
    ask,
    upload,
    onModel(card) {
      root.dataset.model = card.title;
      for (const view of [two, many]) view.refresh(card);
    },
  });

  // ---- examples

  const examples = make("section", "panel examples");
  const list = make("ul");
  examples.append(make("h2", "", words.examples), make("p", "lead", words.examples_lead), list);
  for (const example of data.examples) {
    const item = make("li", example.same ? "same" : "different");
    const press = button("", "", () => {
      panel.choose(example.model);
      two.open([{ url: example.left }, { url: example.right }]);
      two.element.scrollIntoView({ block: "nearest" });
    });
    const duo = make("span", "duo");
    for (const side of ["left", "right"]) {
      const image = make("img", example.sharp ? "sharp" : "");
      image.src = example[side];
      image.alt = "";
      duo.append(image);
    }
    const title = example.title[language] ?? example.title.en;
    press.append(duo, make("span", "title", title));
    if (example.wrong) {
      const badge = make("span", "badge", "✕");
      badge.title = words.wrong;
      press.append(badge);
    }
    item.append(press);
    list.append(item);
  }

  // ---- the two modes

  const strip = make("div", "strip");
  const modes = make("div", "switch");
  modes.setAttribute("role", "group");
  modes.setAttribute("aria-label", words.modes);
  const sentence = make("p", "mode-say");
  const pictures = { two: "M1 1.5h11v13H1zM14.5 1.5h11v13h-11z", many: "M1 1.5h11v13H1zM16 1.5h3.6v3.6H16zM21.9 1.5h3.6v3.6h-3.6zM16 6.3h3.6v3.6H16zM21.9 6.3h3.6v3.6h-3.6zM16 11h3.6v3.6H16zM21.9 11h3.6v3.6h-3.6z" };
  const switches = ["two", "many"].map((name) => {
    const node = button("", "", () => show(name));
    const drawing = shape("svg", { viewBox: "0 0 26 16", "aria-hidden": "true" });
    drawing.append(shape("path", { d: pictures[name] }));
    node.append(drawing, make("span", "", words[`mode_${name}`]));
    node.dataset.mode = name;
    modes.append(node);
    return node;
  });
  strip.append(modes, sentence);
  const below = make("div", "below");
  below.append(examples, panel.element);
  root.replaceChildren(strip, two.element, many.element, below);

  function show(mode) {
    if (mode === "many") panel.chooseForDrawings();
    root.dataset.mode = mode;
    for (const node of switches) node.setAttribute("aria-pressed", String(node.dataset.mode === mode));
    two.element.hidden = examples.hidden = mode !== "two";
    many.element.hidden = mode !== "many";
    sentence.className = mode === "many" ? "mode-say notice" : "mode-say soft";
    sentence.replaceChildren(...(mode === "many" ? [make("b", "", words.no_training), ` ${words.no_training_why}`] : [words.two_lead]));
  }

  document.addEventListener(
    "paste",
    (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (!file || root.offsetParent === null || event.defaultPrevented || event.target.closest?.("input, textarea")) return;
      event.preventDefault();
      (root.dataset.mode === "many" ? many : two).paste(file);
    },
    { signal: gone },
  );

  // ---- links: ?compare=<data>:<image>:<image>&model=<key>, ?compare=board, or #board=<text>

  async function follow() {
    const link = new URLSearchParams(window.location.search);
    const board = window.location.hash.match(/^#board=(.+)$/);
    if (board) {
      show("many");
      many.load(board[1]);
    }
    if (link.get("compare") === "board") {
      show("many");
      many.openReady();
    }
    const pair = link.get("compare")?.match(/^([^:]+):([vt]?\d+):([vt]?\d+)$/);
    if (link.get("model")) panel.choose(link.get("model"));
    if (!pair) return;
    const [, name, ...images] = pair;
    const answers = await Promise.all(images.map((image) => ask("picture", name, image)));
    if (answers.every((each) => each?.url)) two.open(answers.map(({ url }, i) => ({ url, data: name, image: images[i] })));
    show("two");
  }

  watch("models", () => panel.offer(props.models));
  show("two");
  panel.offer(props.models);
  follow();
  window.addEventListener("siamese:compare", follow, { signal: gone });
}
