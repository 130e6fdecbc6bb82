// The Explore tab. Left column: buttons for the run, the source of the pairs, and the view. Right: the view.

import { button, make } from "../common/dom.js";
import { inLanguage } from "../common/language.js";
import { percent, whole } from "../common/numbers.js";
import { onOwnData, ownData } from "../common/own_data.js";
import { panel } from "./cards.js";
import { createEpisode } from "./episode_view.js";
import { createErrors } from "./errors_view.js";
import { createInside } from "./inside_view.js";
import { linkTo, readLink } from "./link.js";
import { createThreshold } from "./threshold_view.js";
import { createTriplets } from "./triplets_view.js";
import { createWall } from "./wall.js";

const VIEWS = ["batch", "triplets", "episode", "errors", "threshold"];
const LIVE_VIEWS = ["batch", "triplets", "inside"]; // these follow a run; the others wait until it stands still
const FAR = location.hostname.endsWith(".hf.space");
const BASE = FAR ? 3500 : 1000;
const SLOW = 400; // milliseconds; after this time without an answer the page shows that it waits

export function mount({ root, props, words, say, watch, ask, upload, gone }) {
  const choice = {
    view: "batch", from: null, size: 12, order: "drawn", seen: true, guess: false, seed: 0, errors: "mistakes",
    way: 5, shot: 1, set: "validation", t: null, pair: null, before: "batch", channels: null, kind: null,
  };
  let [answer, about, sources] = [null, null, null];
  let [dirty, number, wake] = [true, 0, () => {}];

  const request = (view = choice.view, more = {}) => ask("explore", view, { ...options(), ...more });
  const context = { words, say, ask, choice, change, openPair, request };
  const views = {
    batch: createWall(context), triplets: createTriplets(context), episode: createEpisode(context),
    errors: createErrors(context), threshold: createThreshold(context), inside: createInside(context),
  };

  const left = make("div", "left");
  const right = make("div", "right");
  const announcement = make("p", "unseen-text");
  announcement.setAttribute("role", "status");
  root.replaceChildren(left, right, announcement);

  // ---- requests to the server

  function options() {
    const { from, size, seen, guess, seed, way, shot, view, pair, channels } = choice;
    const shared = { from, size, seen, guess, seed, way, shot, order: view === "errors" ? choice.errors : choice.order };
    return view === "inside" ? { ...shared, ...pair, channels } : shared;
  }

  async function load(quiet) {
    const mine = ++number;
    if (!sources) await list();
    if (!choice.from) return;
    const more = {};
    if (quiet && choice.view === "batch" && answer?.step) more.have = answer.step;
    const snapshot = !LIVE_VIEWS.includes(choice.view) && about?.shownStep != null && !dirtySource ? { step: about.shownStep } : {};
    if (!quiet) root.dataset.busy = "true";
    const slow = setTimeout(() => answer || right.replaceChildren(panel(titleOf(choice.view), words.moment)), SLOW);
    const reply = await request(choice.view, { ...more, ...snapshot });
    clearTimeout(slow);
    if (mine !== number || gone.aborted) return;
    root.dataset.busy = "false";
    retry = !quiet && (!reply || (reply.error != null && isAlive(about)));
    if (!reply) return quiet || fail(words.no_answer);
    if (reply.error) return fail(reply.error);
    const { state, now, steps, may_control, kind, recipe, data, watch: watchKey } = reply;
    about = { ...about, state, now, steps, may_control, kind, recipe, data, watch: watchKey, shownStep: reply.step ?? about?.shownStep };
    dirtySource = false;
    choice.kind = kind;
    drawRun();
    if (reply.unchanged || reply.busy) return;
    answer = reply;
    show();
  }
  let dirtySource = true;
  let retry = false; // whether a request that failed may succeed soon

  function fail(sentence) {
    answer = null;
    root.dataset.view = choice.view;
    root.dataset.state = "error";
    right.replaceChildren(panel(titleOf(choice.view), sentence));
    drawLeft();
  }

  const titleOf = (view) => words[`view_${view}`];

  const fileModels = []; // models that this browser has uploaded

  async function bring(file) {
    root.dataset.busy = "true";
    const { path } = await upload(file);
    const reply = await ask("bring", path, file.name);
    root.dataset.busy = "false";
    if (!reply || reply.error) return fail(reply?.error ?? words.no_answer);
    fileModels.push(reply);
    sources?.models.push(reply);
    choose(reply.key);
  }

  function choose(from) {
    about = null;
    dirtySource = true;
    const back = choice.view === "inside" ? { view: choice.before, pair: null } : {};
    change({ from, t: null, set: "validation", channels: null, ...back });
  }

  async function list() {
    const [requestJob, requestOwner] = [props.job ?? null, props.owner ?? ""];
    const reply = await ask("sources", requestOwner, requestJob, ownData());
    if (!reply) return;
    if (requestJob !== (props.job ?? null) || requestOwner !== (props.owner ?? "")) return list(); // another run by now
    reply.models.push(...fileModels);
    sources = reply;
    const keys = [...reply.runs, ...reply.models, ...reply.data].map((entry) => entry.key);
    const mine = props.job ? `run:${props.job}` : null;
    if (choice.from && !keys.includes(choice.from)) {
      // A link to somebody's run, which this browser may watch.
      if (choice.from.startsWith("run:")) reply.runs.push({ key: choice.from, title: words.linked_run });
      else choice.from = null;
    }
    choice.from ??= keys.includes(mine) ? mine : (reply.models.find((entry) => entry.key === "glyphs")?.key ?? keys[0] ?? null);
    drawLeft();
  }

  onOwnData(list, gone);

  // ---- drawing

  function show() {
    late.remove();
    const focus = focusPath(right);
    root.dataset.view = choice.view;
    root.dataset.state = "shown";
    root.dataset.step = answer.step ?? "";
    right.replaceChildren(...status(), ...views[choice.view].show(answer));
    if (choice.view === "inside" && !left.querySelector("#explore-compare")) drawLeft();
    restoreFocus(right, focus);
    drawLate();
  }

  // A view that does not follow the run says which step it shows, and has a button for the newest step.
  const late = make("div", "box status late");
  const lateText = make("span");
  late.append(lateText, button("more", words.look_newest, () => {
    dirtySource = true;
    change({});
  }));

  function drawLate() {
    if (LIVE_VIEWS.includes(choice.view) || about?.state !== "running" || !(about.now > about.shownStep)) return late.remove();
    lateText.textContent = say("stands_at", { step: whole(about.shownStep), now: whole(about.now) });
    if (!late.isConnected) right.prepend(late);
  }

  function status() {
    if (!["batch"].includes(choice.view) || !answer.cards) return [];
    const box = make("div", "box status");
    const add = (value, name) => {
      const fact = make("div", "fact");
      fact.append(make("b", "", value), make("span", "soft", name));
      box.append(fact);
      return fact;
    };
    const sign = { paused: "❚❚", running: "▶" }[about.state] ?? "●";
    if (about.kind === "run") {
      add(`${sign} ${words[`state_${about.state}`] ?? about.state}`, `${about.data} · ${about.recipe}`).classList.add("state");
      add(`${whole(answer.step)} / ${whole(about.steps)}`, words.steps);
    } else add(words[`kind_${about.kind}`], `${about.data} · ${about.recipe}`);
    add(`${whole(answer.same)} + ${whole(answer.different)}`, words.same_and_different);
    if (answer.forces && !choice.guess) {
      const { pull, push, none } = answer.forces;
      add(`→← ${whole(pull.pairs)} ${words.force_pull}`, say("of_loss", { share: percent(pull.share, 0) }));
      add(`←→ ${whole(push.pairs)} ${words.force_push}`, say("of_loss", { share: percent(push.share, 0) }));
      add(`· ${whole(none.pairs)} ${words.force_none}`, words.no_loss);
    }
    return [box];
  }

  const runBox = make("div", "run-row");

  function drawRun() {
    const alive = isAlive(about);
    const key = JSON.stringify([alive, about?.state, about?.may_control, about?.kind, choice.view]);
    if (runBox.dataset.key === key) return;
    runBox.dataset.key = key;
    if (alive && about.may_control) {
      const step = button("big primary", words.next_step, nextStep);
      const toggle = button("big", about.state === "paused" ? `▶ ${words.resume}` : `❚❚ ${words.pause}`, () => act("toggle"));
      step.id = "explore-step";
      toggle.id = "explore-toggle";
      runBox.replaceChildren(step, toggle);
    } else if (about && about.kind !== "run" && ["batch", "triplets"].includes(choice.view)) {
      const again = button("big primary", choice.view === "batch" ? words.draw_again : words.draw_triplets, () => change({ seed: (choice.seed + 1) % 2 ** 31 }));
      again.id = "explore-draw";
      runBox.replaceChildren(again);
    } else if (choice.view === "episode") {
      const again = button("big primary", words.next_episode, () => change({ seed: (choice.seed + 1) % 2 ** 31 }));
      again.id = "explore-draw";
      runBox.replaceChildren(again);
    } else runBox.replaceChildren();
  }

  async function act(action) {
    const reply = await ask("control", choice.from, action);
    if (reply?.error) return fail(reply.error);
    if (reply) about = { ...about, ...reply };
    drawRun();
    hurry = performance.now() + 1500;
    wake();
  }
  let hurry = 0;

  async function nextStep() {
    const before = answer?.step;
    await act("step");
    // An episode or a threshold view needs a new request, for the network after the step.
    if (!LIVE_VIEWS.includes(choice.view) && before != null) dirtySource = true;
  }

  function drawLeft() {
    drawRun();
    const box = make("div", "box settings-box");
    box.append(fromField(), lookField(), ...last());
    left.replaceChildren(runBox, box);
  }

  function field(title, info, ...content) {
    const node = make("div", "field");
    node.append(make("b", "", title));
    if (info) node.append(make("p", "info", info));
    node.append(...content);
    return node;
  }

  function fromField() {
    const select = make("select");
    select.id = "explore-from";
    select.setAttribute("aria-label", words.from);
    for (const [name, entries] of [[words.runs, sources?.runs], [words.models, sources?.models], [words.only_data, sources?.data]]) {
      if (!entries?.length) continue;
      const group = make("optgroup");
      group.label = name;
      for (const { key, title } of entries) {
        const option = make("option", "", inLanguage(title));
        option.value = key;
        group.append(option);
      }
      select.append(group);
    }
    select.value = choice.from ?? "";
    select.onchange = () => choose(select.value);
    const input = make("input");
    Object.assign(input, { type: "file", accept: ".safetensors", hidden: true });
    input.onchange = () => input.files.length && bring(input.files[0]).catch(() => fail(words.no_answer));
    const own = button("file own-link", words.own_pictures, () => document.dispatchEvent(new Event("siamese:own")));
    return field(words.from, words.from_info, select, button("file", words.own_file, () => input.click()), input, own);
  }

  function chips(name, entries, selected, press) {
    const group = make("div", "chips");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", name);
    for (const [value, text] of entries) {
      const chip = button("chip", text, () => press(value));
      chip.setAttribute("role", "radio");
      chip.setAttribute("aria-checked", String(value === selected));
      chip.tabIndex = value === selected || !entries.some(([one]) => one === selected) ? 0 : -1;
      chip.dataset.value = value;
      group.append(chip);
    }
    group.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = entries.findIndex(([value]) => String(value) === event.target.dataset.value);
      const [next] = entries[(at + step + entries.length) % entries.length];
      press(next);
      left.querySelector(`[role=radiogroup][aria-label="${CSS.escape(name)}"] [data-value="${next}"]`)?.focus();
    };
    return group;
  }

  function lookField() {
    const on = choice.view === "inside" ? choice.before : choice.view;
    const group = chips(words.look, VIEWS.map((view) => [view, words[`view_${view}`]]), on, (view) => change({ view, pair: null }));
    group.classList.add("views");
    return field(words.look, words.look_info, group);
  }

  function toggle(key, title, info) {
    const node = make("div", "field");
    const row = make("div", "switch-row");
    const knob = button("switch", "", () => change({ [key]: !choice[key] }));
    knob.setAttribute("role", "switch");
    knob.setAttribute("aria-checked", String(choice[key]));
    knob.setAttribute("aria-label", title);
    row.append(make("b", "", title), knob);
    node.append(row, make("p", "info", info));
    return node;
  }

  function last() {
    const { view } = choice;
    const copy = button("wide", words.copy_link, async (event) => {
      const address = linkTo(location, choice, about);
      const copyButton = event.currentTarget;
      try {
        await navigator.clipboard.writeText(address);
        copyButton.textContent = words.copied;
      } catch {
        // Without https there is no clipboard: an input shows the address, so that people can copy it.
        const input = make("input", "address");
        input.readOnly = true;
        input.value = address;
        input.setAttribute("aria-label", words.copy_link);
        copyButton.replaceWith(input);
        input.select();
      }
    });
    copy.id = "explore-link";
    const sizes = (name, info) => field(name, info, chips(name, [12, 32, 64].map((n) => [n, String(n)]), choice.size, (size) => change({ size })));
    const seen = toggle("seen", words.seen, words.seen_info);
    if (view === "batch") return [sizes(words.pairs, words.pairs_info), seen, toggle("guess", words.guess, words.guess_info), copy];
    if (view === "triplets") return [sizes(words.triplets, null), seen, copy];
    if (view === "errors") return [sizes(words.pairs, null), copy];
    if (view === "episode") {
      const ways = chips(words.ways, [5, 10, 20].map((n) => [n, String(n)]), choice.way, (way) => change({ way }));
      const shots = chips(words.shots, [1, 3, 5].map((n) => [n, String(n)]), choice.shot, (shot) => change({ shot }));
      return [field(words.ways, words.ways_info, ways), field(words.shots, words.shots_info, shots), copy];
    }
    if (view === "threshold") return [thresholdField(), copy];
    return [field(words.this_pair, words.this_pair_info, ...compareLink(), copy)];
  }

  function thresholdField() {
    const group = make("div", "set");
    for (const set of ["validation", "best", "equal", "few"]) {
      const node = button("wide", words[`set_${set}`], () => {
        choice.t = null;
        change({ set }, false);
        drawLeft();
        left.querySelector(`[data-set=${set}]`)?.focus();
      });
      node.dataset.set = set;
      node.setAttribute("aria-pressed", String(choice.set === set));
      group.append(node);
    }
    views.threshold.onMove?.(() => group.querySelectorAll("button").forEach((node) => node.setAttribute("aria-pressed", String(choice.set === node.dataset.set))));
    return field(words.set_threshold, words.set_info, group);
  }

  function compareLink() {
    if (!answer?.compare) return [];
    const link = make("a", "wide", words.open_compare);
    const model = about?.kind === "data" ? null : choice.from;
    link.href = `?${new URLSearchParams({ compare: answer.compare, ...(model ? { model } : {}) })}`;
    link.id = "explore-compare";
    link.onclick = (event) => {
      const tab = document.querySelector("button[role=tab][data-tab-id=compare]");
      if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return; // the link itself opens the tab, too
      event.preventDefault();
      window.history.replaceState(null, "", link.href);
      window.dispatchEvent(new Event("siamese:compare"));
      tab.click();
    };
    return [link];
  }

  // ---- changes

  // fetch: true sends a request, false only draws again, null changes nothing on the page.
  function change(next, fetch = true) {
    const viewChanged = next.view && next.view !== choice.view;
    Object.assign(choice, next);
    if (viewChanged || next.from) answer = null;
    if (next.from || next.guess !== undefined) dirtySource ||= Boolean(next.from);
    if (fetch === null) return;
    if (fetch) {
      drawLeft();
      number += 1; // so that an answer to an earlier request is ignored
      dirty = true;
      wake();
    } else if (answer) show();
  }

  function openPair(pair, entries = null) {
    const before = choice.view === "inside" ? choice.before : choice.view;
    if (choice.view !== "inside") {
      const cards = answer?.cards ?? [];
      views.inside.setFilm(
        entries ?? cards.slice(0, 12).filter((card) => card.names).map((card) => ({ card, spec: card.at ? { at: card.at, step: answer.step } : { number: card.number, step: answer.step, seed: answer.seed } })),
      );
    }
    change({ view: "inside", before, pair, channels: null });
  }

  // ---- the loop: it sends a request after a change, and every second while a run goes on

  const visible = () => document.visibilityState === "visible" && root.offsetParent !== null;

  function sleep(length) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, length);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function follow() {
    const alive = isAlive(about);
    if (!alive || choice.guess) return;
    if (LIVE_VIEWS.includes(choice.view)) return load(true);
    // The other views stay while a run goes on, so that people can read them. They change when the run stands still.
    const reply = await request("state");
    if (!reply || reply.error) return;
    about = { ...about, ...reply };
    drawRun();
    drawLate();
    if (reply.state !== "running" && about.shownStep != null && reply.now > about.shownStep) {
      dirtySource = true;
      await load(false);
    }
  }

  async function live() {
    while (!gone.aborted) {
      if (visible()) {
        if (dirty || retry) {
          dirty = false;
          await load(false);
        } else await follow();
      }
      // A page that is not visible sends no requests. The loop must still sleep, or it would block the page.
      if (!dirty || !visible()) await sleep(performance.now() < hurry ? 150 : BASE);
    }
  }

  function adopt() {
    sources = null;
    if (props.job && about?.kind !== "run" && !linkedView) choice.from = `run:${props.job}`;
    dirty = true;
    wake();
  }

  const linkedView = readLink(location.search, VIEWS);
  Object.assign(choice, linkedView ?? {});
  let [job, owner] = [props.job, props.owner];
  watch(["job", "owner", "visits"], () => {
    if (props.job !== job) {
      // The run on screen is another one: the tab opens on it.
      job = props.job;
      if (job && !linkedView) Object.assign(choice, { from: `run:${job}`, view: choice.view === "inside" ? choice.before : choice.view });
      about = null;
      dirtySource = true;
    }
    owner = props.owner;
    adopt();
  });
  document.addEventListener("visibilitychange", () => wake(), { signal: gone });
  gone.addEventListener("abort", () => wake());
  drawLeft();
  live();
}

const isAlive = (about) => about?.kind === "run" && ["waiting", "preparing", "running", "paused"].includes(about.state);

// The place of the focused element, so that a redraw can restore the keyboard focus.
function focusPath(node) {
  const path = [];
  for (let at = document.activeElement; at && at !== node; at = at.parentElement) {
    if (!node.contains(at)) return null;
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  return path.length ? path : null;
}

function restoreFocus(node, path) {
  let at = node;
  for (const place of path ?? []) at = at?.children[place];
  if (path && at) at.focus({ preventScroll: true });
}
