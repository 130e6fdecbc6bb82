// One against many: a board of named things, a new picture, and the ranking of the things by distance.

import { button, make, setText } from "../common/dom.js";
import { fixed } from "../common/numbers.js";
import { encodeInk, inkBox, inkPath } from "./ink.js";
import { newestOnly } from "./newest.js";
import { bars } from "./ranking.js";
import { MOST_NAME, MOST_PICTURES, MOST_THINGS, fromText, toText } from "./board_text.js";
import { READY_MADE } from "./ready_made.js";
import { shape } from "../common/svg.js";
import { sizeOf } from "./two.js";
import { createWell } from "./well.js";
import { zip } from "./zip.js";

// context: as in createTwo.  → { element, refresh(card), paste(file), load(text), openReady() }
export function createBoard({ words, say, inputs, ask, model, language }) {
  const element = make("div", "many");
  let things = []; // { name, pictures: [{ strokes or url, key }] }
  let card = null;
  let result = null;

  // ---- the board

  const board = make("section", "panel board");
  const head = make("div", "panel-head");
  const count = make("span", "soft num");
  head.append(make("h2", "", words.board), count);
  const list = make("ol");
  const note = make("p", "soft note");
  note.setAttribute("role", "status");
  const foot = make("div", "foot tools-row");
  const keep = button("tool", words.keep_link, keepInLink);
  const home = button("tool", words.take_home, takeHome);
  const makeReady = () => setThings(fromText(READY_MADE[language === "zh" ? "zh" : "en"]));
  const ready = button("tool", words.ready_made, makeReady);
  const clear = button("tool last", words.clear_board, () => setThings([]));
  foot.append(keep, home, ready, clear);
  board.append(head, make("p", "lead", words.board_lead), list, note, foot);

  // ---- the new picture

  const well = createWell({ title: words.newcomer, words, inputs, onPicture: () => look() });
  const put = make("form", "put");
  const name = make("input");
  Object.assign(name, { maxLength: MOST_NAME, placeholder: words.name, autocomplete: "off" });
  name.setAttribute("aria-label", words.name);
  name.setAttribute("list", "board-names");
  const names = make("datalist");
  names.id = "board-names";
  const add = make("button", "button", words.put);
  put.append(name, names, add);
  put.onsubmit = (event) => {
    event.preventDefault();
    addNewcomer(name.value.trim());
  };
  well.section.append(put);

  // ---- the answer

  const ranking = make("section", "panel ranking");
  const rankHead = make("div", "panel-head");
  rankHead.append(make("h2", "", words.nearest_first));
  const answerLine = make("div", "answer");
  answerLine.setAttribute("role", "status");
  const winner = make("b");
  const winnerNumber = make("span", "big num");
  answerLine.append(winner, winnerNumber);
  const sentence = make("p", "winner-say");
  const chart = make("div", "chart-slot");
  ranking.append(rankHead, make("p", "lead", words.nearest_lead), answerLine, sentence, chart);
  element.append(board, well.section, ranking);

  const toRequest = ({ strokes, url }) => (strokes ? { ink: encodeInk(strokes) } : { url });
  const nearest = newestOnly((...values) => ask("nearest", ...values), show);

  async function teach() {
    const pictures = things.flatMap((thing) => thing.pictures);
    if (!pictures.length) return look();
    const answer = await ask("learn", model(), pictures.map(toRequest));
    if (!answer || answer.error) return setText(note, answer?.error ?? words.no_answer);
    pictures.forEach((picture, i) => (picture.key = answer.pictures[i].key));
    look();
  }

  function look() {
    const newcomer = well.picture();
    add.disabled = !newcomer;
    if (newcomer && things.length && things.every((thing) => thing.pictures.every((picture) => picture.key)))
      nearest(model(), newcomer, things.map((thing) => thing.pictures.map((picture) => picture.key)));
    else show(null);
  }

  let hasTaught = false; // send the board only once in a row, or the page would never stop asking
  function show(answer) {
    if (answer?.missing) {
      if (!hasTaught) teach();
      hasTaught = true;
      return;
    }
    result = answer && !answer.error && answer.ranking ? answer : null;
    hasTaught = false;
    if (answer?.seen) well.showSeen(answer.seen, card ? say("seen", sizeOf(card)) : "", answer.foreign ? words.foreign : "");
    else if (!well.picture()) well.showSeen(null);
    element.dataset.state = result ? (result.none ? "none" : "found") : "empty";
    const first = result?.ranking[0];
    const nearestThing = first && things[first[0]];
    [...list.querySelectorAll(".thing:not(.add)")].forEach((node, i) => node.classList.toggle("near", Boolean(result) && !result.none && i === first[0]));
    if (!nearestThing) {
      winner.textContent = winnerNumber.textContent = "";
      sentence.className = "winner-say soft";
      setText(sentence, answer?.error ?? (things.length ? words.invite_many : words.invite_board));
      chart.replaceChildren();
      return;
    }
    element.dataset.winner = result.none ? "" : nearestThing.name;
    setText(winner, result.none ? words.none : nearestThing.name);
    setText(winnerNumber, fixed(first[1], 4));
    sentence.className = `winner-say verdict ${result.none ? "different" : "same"}`;
    const right = result.wrong == null ? null : Math.round(100 * (1 - result.wrong));
    if (answer.foreign) {
      sentence.className = "winner-say verdict unsure";
      setText(sentence, `? ${words.unknown_doubt}`);
    } else setText(
      sentence,
      result.none ? say("too_far", { name: nearestThing.name }) : right == null ? `= ${words.nearest_found}` : say("right_of_100", { n: Math.min(99, right) }),
    );
    chart.replaceChildren(
      bars(
        result.ranking.map(([which, distance, picture]) => ({ name: things[which].name, distance, picture: things[which].pictures[picture] })),
        result.threshold,
        words,
      ),
    );
  }

  function setThings(next) {
    things = next;
    setText(note, "");
    draw();
    teach();
  }

  function addNewcomer(title) {
    const newcomer = well.picture();
    if (!newcomer) return;
    if (!title) return name.focus();
    const strokes = well.strokes();
    const picture = strokes ? { strokes } : { url: well.address() };
    const existing = things.find((thing) => thing.name === title);
    if (existing && existing.pictures.length >= MOST_PICTURES) return setText(note, say("full_thing", { name: title, n: MOST_PICTURES }));
    if (!existing && things.length >= MOST_THINGS) return setText(note, say("full_board", { n: MOST_THINGS }));
    if (existing) existing.pictures.push(picture);
    else things.push({ name: title, pictures: [picture] });
    name.value = "";
    setText(note, "");
    well.clear();
    draw();
    teach();
  }

  function draw() {
    setText(count, say("count", { n: things.length, of: MOST_THINGS }));
    names.replaceChildren(...things.map((thing) => Object.assign(make("option"), { value: thing.name })));
    list.replaceChildren(...things.map(tile));
    if (things.length < MOST_THINGS) {
      const more = make("li", "thing add");
      const press = button("", "", () => (name.value ? addNewcomer(name.value.trim()) : name.focus()));
      press.append(make("b", "", "+"), make("span", "", words.new_thing));
      more.append(press);
      list.append(more);
    }
    keep.disabled = home.disabled = clear.disabled = !things.length;
  }

  function tile(thing) {
    const node = make("li", "thing");
    const title = make("h3", "", thing.name);
    title.title = thing.name;
    const remove = button("remove", "×", () => setThings(things.filter((other) => other !== thing)));
    remove.setAttribute("aria-label", say("remove", { name: thing.name }));
    const shots = make("div", `shots n${Math.min(3, thing.pictures.length)}`);
    thing.pictures.forEach((picture) => {
      const shot = make("div", "shot");
      if (picture.strokes) {
        const drawing = shape("svg", { viewBox: inkBox(picture.strokes), role: "img", "aria-label": thing.name });
        drawing.append(shape("path", { d: inkPath(picture.strokes) }));
        shot.append(drawing);
      } else {
        const image = make("img");
        image.src = picture.url;
        image.alt = thing.name;
        shot.append(image);
      }
      shots.append(shot);
    });
    if (thing.pictures.length < MOST_PICTURES) {
      const more = button("shot more", "+", () => {
        name.value = thing.name;
        if (well.picture()) addNewcomer(thing.name);
        else setText(note, say("draw_more", { name: thing.name }));
      });
      more.setAttribute("aria-label", say("another", { name: thing.name }));
      shots.append(more);
    }
    node.append(title, remove, shots);
    return node;
  }

  // ---- saving the board

  async function keepInLink() {
    const boardText = toText(things);
    if (!boardText || !boardText.text) return setText(note, boardText ? words.link_photos : words.link_long);
    const address = new URL(window.location.href);
    address.search = "";
    address.searchParams.set("tab", "compare");
    address.hash = `board=${boardText.text}`;
    history.replaceState(history.state, "", address);
    let copied = true;
    try {
      await navigator.clipboard.writeText(address.href);
    } catch {
      copied = false; // plain http has no clipboard; the link is in the address bar
    }
    setText(note, [copied ? words.link_copied : words.link_shown, boardText.leftOut ? words.link_left_out : ""].join(" ").trim());
  }

  async function takeHome() {
    const files = [];
    for (const [i, thing] of things.entries()) {
      const folder = `${String(i + 1).padStart(2, "0")} ${thing.name.replace(/[^\p{L}\p{N} _-]/gu, "_")}`;
      for (const [k, picture] of thing.pictures.entries()) {
        const url = picture.strokes ? toPng(picture, 256) : picture.url;
        const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0));
        files.push([`board/${folder}/${k + 1}.${url.startsWith("data:image/jpeg") ? "jpg" : "png"}`, bytes]);
      }
    }
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([zip(files)], { type: "application/zip" }));
    link.download = "board.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  draw();
  show(null);
  add.disabled = true;
  return {
    element,
    refresh(newest) {
      card = newest;
      teach();
    },
    paste: (file) => well.take(file),
    load: (text) => setThings(fromText(text)),
    openReady: () => things.length || makeReady(), // only where the board is empty
  };
}

// A drawing as a PNG data URL: dark ink on white.
function toPng(picture, size) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const brush = canvas.getContext("2d");
  const [left, top, side] = inkBox(picture.strokes).split(" ").map(Number);
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, size, size);
  brush.scale(size / side, size / side);
  brush.translate(-left, -top);
  brush.lineWidth = 6;
  brush.lineCap = brush.lineJoin = "round";
  brush.stroke(new Path2D(inkPath(picture.strokes)));
  return canvas.toDataURL("image/png");
}
