// A well: the place for one picture. A visitor draws, chooses, drops, pastes or photographs it.

import { button, make } from "../common/dom.js";
import { createPad } from "../common/pad.js";
import { createCamera, createDropZone, shrink } from "../common/picture_input.js";
import { encodeInk } from "./ink.js";
import { icon } from "./icons.js";

const SHARP = 96; // pixels; a smaller picture is enlarged with sharp pixels

// inputs: the words of picture_input.json.  onPicture(): called after every change, also while the pen moves.
// → { section, picture(), showSeen(answer), load(picture), take(file), clear(), strokes(), address() }
export function createWell({ title, words, inputs, onPicture }) {
  const section = make("section", "panel well");
  const heading = make("h2", "", title);
  const ways = make("div", "ways");
  const stage = make("div", "stage");
  const say = make("p", "well-error");
  say.setAttribute("role", "alert");
  const seen = make("div", "seen");
  section.append(heading, ways, stage, say, seen);

  let way = null;
  let image = null; // { url, ... } of a picture that is not drawn here
  let source = null; // the same picture in a request: { url }, or { data, image } for an image of a data set

  const pad = createPad({ words: inputs, onChange: () => onPicture(), onStroke: () => onPicture(true) });
  const zone = createDropZone({ words: inputs, multiple: false, onFiles: ([file]) => take(file) });
  let camera = null;

  const buttons = Object.fromEntries(
    ["draw", "file", "photo"].map((name) => {
      const node = button("tool", "", () => choose(name));
      node.append(icon(name), make("span", "", words[name]));
      node.setAttribute("aria-label", words[name]); // on a phone there is only the icon
      ways.append(node);
      return [name, node];
    }),
  );

  function choose(name) {
    image = source = null;
    show(name);
    onPicture(true);
  }

  function show(name) {
    way = name;
    for (const [key, node] of Object.entries(buttons)) node.setAttribute("aria-pressed", String(key === name));
    camera?.destroy();
    camera = null;
    say.textContent = "";
    if (name === "draw") return stage.replaceChildren(pad.element);
    if (image) return stage.replaceChildren(frameFor(image.url));
    if (name === "file") return stage.replaceChildren(zone.element);
    camera = createCamera({ words: inputs, onPicture: (picture) => load(picture, "photo") });
    stage.replaceChildren(camera.element);
  }

  function frameFor(url) {
    const frame = make("div", "frame");
    const picture = make("img");
    picture.alt = words.given;
    picture.onload = () => picture.classList.toggle("sharp", picture.naturalWidth <= SHARP);
    picture.src = url;
    frame.append(picture, button("tool clear", words.clear, () => choose(way)));
    return frame;
  }

  async function take(file) {
    try {
      load(await shrink(file, inputs));
    } catch (error) {
      say.textContent = error.message;
    }
  }

  // picture: { url } or { url, data, image }.
  function load(picture, by = "file") {
    image = picture;
    source = picture.data ? { data: picture.data, image: picture.image } : { url: picture.url };
    show(by);
    onPicture(true);
  }

  section.addEventListener("dragover", (event) => event.preventDefault());
  section.addEventListener("drop", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });

  function showSeen(url, text, warning = "") {
    if (!url) return seen.replaceChildren();
    const picture = make("img");
    picture.src = url;
    picture.alt = "";
    const about = make("div");
    about.append(make("p", "soft", text));
    if (warning) about.append(make("p", "warning", `! ${warning}`));
    seen.replaceChildren(picture, about);
  }

  show("draw");
  return {
    section,
    heading,
    take,
    load,
    showSeen,
    clear: () => (pad.clear(), choose("draw")),
    strokes: () => (way === "draw" ? pad.strokes() : null),
    picture: () => (way === "draw" ? (pad.isEmpty() ? null : { ink: encodeInk(pad.strokes()) }) : source),
    address: () => image?.url,
  };
}
