// Your own pictures: files, drawings and photographs, in classes. A run can train on them as on any other data set.

import { button, make, setText } from "../common/dom.js";
import { whole } from "../common/numbers.js";
import { setOwnData } from "../common/own_data.js";
import { createPad } from "../common/pad.js";
import { createCamera, createDropZone, shrink } from "../common/picture_input.js";
import { createCard } from "./card.js";
import { createSheet, ENOUGH } from "./sheet.js";
import { sendFile } from "./upload.js";

const PAD_PIXELS = 32; // side of a drawing that is sent; the networks learn from images of about this size
const STORED = "siamese:own"; // the key of this browser's set
const ALIVE_MS = 60_000; // between two signs that the page is still open
const CHECK_MS = 150; // between two requests while the server reads an upload
const TABLE = /\.(zip|csv|tsv|txt)$/i;

export function mount({ root, words, say, ask, trigger, language, gone }) {
  let key = storedKey();
  let card = null; // the server's description of the set; null without a set
  let current = ""; // the class that the next picture belongs to
  let queue = Promise.resolve(); // the changes, one after the other
  let lastChoice = "";

  // ---- the page

  const view = make("div", "own-view");
  view.hidden = true;
  const status = make("p", "own-status");
  status.setAttribute("role", "status");
  const left = createCard({ words, say, language, onTrain: train, onBack: close, onTitle, onHome, onDelete });
  const sheet = createSheet({ words, say, ask: thumbnails, onPick: pick, onNew: () => pick(""), change });

  const zone = createDropZone({ words, accept: ".zip,.csv,.tsv,.txt,image/*", pasteAnywhere: true, onFiles });
  const bar = make("progress");
  bar.max = 1;
  const barText = make("span", "soft");
  const progress = make("div", "own-progress");
  progress.hidden = true;
  bar.setAttribute("aria-label", words.reading);
  progress.append(bar, barText);

  const pad = createPad({ words, onChange: () => (next.disabled = pad.isEmpty()) });
  const next = button("strong", words.next, addDrawing);
  next.disabled = true;
  pad.element.querySelector(".pad-buttons").prepend(next);
  const drawLead = make("p", "soft");
  const name = make("input");
  name.type = "text";
  name.maxLength = 40;
  name.placeholder = words.class_placeholder;
  name.setAttribute("aria-label", words.class_name);
  name.oninput = () => {
    current = name.value.trim();
    describe();
  };
  name.onkeydown = (event) => event.key === "Enter" && pad.element.querySelector("svg").focus();
  pad.element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "svg") addDrawing();
  });
  const camera = createCamera({ words, onPicture: (picture) => add(picture) });

  const ways = make("div", "own-ways");
  ways.append(
    panel(words.drop_title, make("p", "soft", words.drop_lead), zone.element, progress),
    panel(words.draw_title, name, drawLead, pad.element),
    panel(words.camera_title, make("p", "soft", words.camera_lead), camera.element),
  );
  const right = make("div", "own-right");
  right.append(ways, status, sheet.element);
  view.append(left.element, right);
  root.replaceChildren(view);

  function panel(title, ...content) {
    const node = make("section", "own-panel");
    node.append(make("h2", "", title), ...content);
    return node;
  }

  function open() {
    root.closest(".tabitem")?.setAttribute("data-own", "open");
    view.hidden = false;
    draw();
    left.focus();
  }

  function close() {
    root.closest(".tabitem")?.removeAttribute("data-own");
    view.hidden = true;
    document.querySelector("#explore .own-link")?.focus();
  }

  function draw() {
    root.dataset.count = card?.count ?? 0;
    root.dataset.state = card?.progress != null ? "reading" : card?.split ? "ready" : "open";
    left.show(card);
    sheet.show(card, current);
    showProgress(card?.progress == null ? null : words.reading, card?.progress);
    describe();
  }

  function describe() {
    const count = countOf(current);
    const gap = { name: current, n: count, left: Math.max(0, ENOUGH - count) };
    setText(drawLead, say(!current ? "draw_unnamed" : count >= ENOUGH ? "draw_enough" : count ? "draw_more" : "draw_first", gap));
    sheet.mark(current);
  }

  function countOf(className) {
    return card?.classes.find((each) => each.name === className)?.count ?? 0;
  }

  function pick(className) {
    current = className;
    name.value = className;
    describe();
    if (className) pad.element.querySelector("svg").focus({ preventScroll: false });
    else name.focus();
  }

  function tell(sentence) {
    setText(status, sentence);
    status.classList.remove("wrong");
  }

  function refuse(sentence) {
    setText(status, sentence);
    status.classList.add("wrong");
  }

  // ---- the server

  // A change waits for the change before it. The server answers with the new card.
  function change(server, ...values) {
    queue = queue.then(async () => {
      if (!key && !(await create())) return null;
      return take(await ask(server, key, ...values));
    });
    return queue;
  }

  async function create() {
    const created = await ask("own_new", words.default_title);
    if (!created?.key) {
      refuse(created?.error ?? words.offline);
      return false;
    }
    key = created.key;
    remember(key);
    take(created);
    return true;
  }

  // Draws the card of an answer, or shows its error.
  function take(answer) {
    if (!answer) refuse(words.offline);
    else if (answer.gone) forget();
    else if (answer.error && answer.version === undefined) {
      refuse(answer.error);
      if (key) void check();
    } else if (answer.version !== undefined) {
      card = answer;
      if (card.error) refuse(card.error);
      offer();
      draw();
      return card;
    }
    return null;
  }

  async function check() {
    const answer = await ask("own_card", key, card?.version);
    if (answer && !answer.unchanged) take(answer);
  }

  function forget() {
    if (card?.count) refuse(words.gone);
    key = null;
    card = null;
    remember(null);
    offer();
    draw();
  }

  // The data controls of the other tabs offer the set while a run can train on it.
  function offer() {
    const data = card?.split ? card.data : "";
    const label = data && say("choice", { title: card.title });
    if (lastChoice === data + label) return;
    lastChoice = data + label;
    setOwnData(data);
    trigger("own_changed", { data, label });
  }

  async function thumbnails(numbers) {
    return (await ask("own_thumbnails", key, numbers))?.thumbnails;
  }

  // ---- what the visitor does

  async function addDrawing() {
    if (pad.isEmpty()) return;
    const url = pad.toDataURL(PAD_PIXELS);
    pad.clear();
    await add({ name: "drawing.png", url });
    if (countOf(current) < ENOUGH) return;
    const unfinished = card?.classes.find((each) => each.count < ENOUGH);
    pick(unfinished?.name ?? "");
  }

  async function add(picture) {
    if (!current) {
      current = freeName();
      name.value = current;
    }
    const className = current;
    const before = card?.count ?? 0;
    if (!(await change("own_add", className, picture.name, picture.url))) return;
    if (card.count > before) tell(say("added", { name: className, n: countOf(className) }));
    else tell(words.already);
  }

  function freeName() {
    let number = 1;
    while (countOf(`${words.unnamed} ${number}`)) number++;
    return `${words.unnamed} ${number}`;
  }

  async function onFiles(files) {
    for (const file of files) {
      if (TABLE.test(file.name)) await upload(file);
      else {
        try {
          await add(await shrink(file, words));
        } catch (error) {
          refuse(error.message);
        }
      }
    }
  }

  async function upload(file) {
    tell("");
    if (!key && !(await create())) return;
    const refusal = await sendFile(file, {
      send: (...values) => ask("own_upload", key, ...values),
      onShare: (share) => showProgress(words.sending, share),
      words,
      say,
    });
    if (refusal) {
      showProgress(null);
      refuse(refusal);
      return;
    }
    const before = card?.count ?? 0;
    do {
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      await check();
    } while (key && card?.progress != null && !gone.aborted);
    if (card && !card.error) tell(say("read", { n: whole(card.count - before), file: file.name }));
  }

  function showProgress(text, share) {
    progress.hidden = text === null;
    if (text === null) return;
    bar.value = share;
    setText(barText, `${text} ${Math.round(100 * share)} %`);
  }

  async function onTitle(title) {
    await change("own_change", "title", title);
  }

  async function onHome() {
    const file = await ask("own_home", key);
    if (!file || file.error) return refuse(file?.error ?? words.offline);
    const bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
    const anchor = make("a");
    anchor.href = URL.createObjectURL(new Blob([bytes], { type: file.type }));
    anchor.download = file.name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
    tell(say("saved", { name: file.name }));
  }

  async function onDelete() {
    await queue;
    if (!key) return;
    const answer = await ask("own_delete", key);
    if (!answer) return refuse(words.offline);
    card = null;
    forget();
    pick("");
    tell(words.deleted);
  }

  async function train() {
    await queue;
    if (card?.split) trigger("train_own", { data: card.data });
  }

  // ---- opening, and keeping the set on the server

  async function keepAlive() {
    while (!gone.aborted) {
      if (key) await check();
      await new Promise((resolve) => setTimeout(resolve, ALIVE_MS));
    }
  }

  document.addEventListener("siamese:own", open, { signal: gone });
  gone.addEventListener("abort", () => {
    zone.destroy();
    camera.destroy();
  });
  if (new URLSearchParams(location.search).get("view") === "own") open();
  draw();
  void keepAlive();
}

function storedKey() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function remember(key) {
  try {
    if (key) localStorage.setItem(STORED, key);
    else localStorage.removeItem(STORED);
  } catch {
    // A browser without storage keeps the set only until the page is closed.
  }
}
