// The Explore tab: what acts on a run on top of the left column, then where pairs come from and what to look at.

import { button, make } from "../common/dom.js";
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
const FOLLOWING = ["batch", "triplets", "inside"]; // these change while a run goes on; the others wait until it stands still
const FAR = location.hostname.endsWith(".hf.space");
const BASE = FAR ? 3500 : 1000;
const SLOW = 400; // milliseconds without an answer after which the page says that it waits for one

export function mount({ root, props, words, say, watch, ask, upload, gone }) {
  const choice = {
    view: "batch", from: null, size: 12, order: "drawn", seen: true, guess: false, seed: 0, errors: "mistakes",
    way: 5, shot: 1, set: "validation", t: null, pair: null, before: "batch", channels: null, kind: null,
  };
  let [answer, about, listed] = [null, null, null];
  let [dirty, number, wake] = [true, 0, () => {}];

  const request = (view = choice.view, more = {}) => ask("explore", view, { ...options(), ...more });
  const context = { words, say, ask, choice, change, openPair, request };
  const views = {
    batch: createWall(context), triplets: createTriplets(context), episode: createEpisode(context),
    errors: createErrors(context), threshold: createThreshold(context), inside: createInside(context),
  };

  const left = make("div", "left");
  const right = make("div", "right");
  const spoken = make("p", "unseen-text");
  spoken.setAttribute("role", "status");
  root.replaceChildren(left, right, spoken);

  // ---- what is asked of the server

  function options() {
    const { from, size, seen, guess, seed, way, shot, view, pair, channels } = choice;
    const shared = { from, size, seen, guess, seed, way, shot, order: view === "errors" ? choice.errors : choice.order };
    return view === "inside" ? { ...shared, ...pair, channels } : shared;
  }

  async function load(quiet) {
    const mine = ++number;
    if (!listed) await list();
    if (!choice.from) return;
    const more = {};
    if (quiet && choice.view === "batch" && answer?.step) more.have = answer.step;
    const snapshot = !FOLLOWING.includes(choice.view) && about?.shown != null && !dirtySource ? { step: about.shown } : {};
    if (!quiet) root.dataset.busy = "true";
    const slow = setTimeout(() => answer || right.replaceChildren(panel(titleOf(choice.view), words.moment)), SLOW);
    const got = await request(choice.view, { ...more, ...snapshot });
    clearTimeout(slow);
    if (mine !== number || gone.aborted) return;
    root.dataset.busy = "false";
    retry = !quiet && (!got || (got.error != null && isAlive(about)));
    if (!got) return quiet || fail(words.no_answer);
    if (got.error) return fail(got.error);
    const { state, now, steps, may_control, kind, recipe, data, watch: watchKey } = got;
    about = { ...about, state, now, steps, may_control, kind, recipe, data, watch: watchKey, shown: got.step ?? about?.shown };
    dirtySource = false;
    choice.kind = kind;
    drawRun();
    if (got.unchanged || got.busy) return;
    answer = got;
    show();
  }
  let dirtySource = true;
  let retry = false; // whether what failed may succeed soon

  function fail(sentence) {
    answer = null;
    root.dataset.view = choice.view;
    root.dataset.state = "error";
    right.replaceChildren(panel(titleOf(choice.view), sentence));
    drawLeft();
  }

  const titleOf = (view) => words[`view_${view}`];

  const brought = []; // models from files of this browser

  async function bring(file) {
    root.dataset.busy = "true";
    const { path } = await upload(file);
    const got = await ask("bring", path, file.name);
    root.dataset.busy = "false";
    if (!got || got.error) return fail(got?.error ?? words.no_answer);
    brought.push(got);
    listed?.models.push(got);
    choose(got.key);
  }

  function choose(from) {
    about = null;
    dirtySource = true;
    const back = choice.view === "inside" ? { view: choice.before, pair: null } : {};
    change({ from, t: null, set: "validation", channels: null, ...back });
  }

  async function list() {
    const [asked, whose] = [props.job ?? null, props.owner ?? ""];
    const got = await ask("sources", whose, asked, ownData());
    if (!got) return;
    if (asked !== (props.job ?? null) || whose !== (props.owner ?? "")) return list(); // another run came on screen meanwhile
    got.models.push(...brought);
    listed = got;
    const keys = [...got.runs, ...got.models, ...got.data].map((entry) => entry.key);
    const mine = props.job ? `run:${props.job}` : null;
    if (choice.from && !keys.includes(choice.from)) {
      // A link to somebody's run, which this browser may watch.
      if (choice.from.startsWith("run:")) got.runs.push({ key: choice.from, title: words.linked_run });
      else choice.from = null;
    }
    choice.from ??= keys.includes(mine) ? mine : (got.models.find((entry) => entry.key === "glyphs")?.key ?? keys[0] ?? null);
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

  // Where a view waits while a run goes on, it says of which step it is, and the newest is a click away.
  const late = make("div", "box status late");
  const lateText = make("span");
  late.append(lateText, button("more", words.look_newest, () => {
    dirtySource = true;
    change({});
  }));

  function drawLate() {
    if (FOLLOWING.includes(choice.view) || about?.state !== "running" || !(about.now > about.shown)) return late.remove();
    lateText.textContent = say("stands_at", { step: whole(about.shown), now: whole(about.now) });
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
    const got = await ask("control", choice.from, action);
    if (got?.error) return fail(got.error);
    if (got) about = { ...about, ...got };
    drawRun();
    hurry = performance.now() + 1500;
    wake();
  }
  let hurry = 0;

  async function nextStep() {
    const before = answer?.step;
    await act("step");
    // An episode or a threshold is asked again, of the network after the step.
    if (!FOLLOWING.includes(choice.view) && before != null) dirtySource = true;
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
    for (const [name, entries] of [[words.runs, listed?.runs], [words.models, listed?.models], [words.only_data, listed?.data]]) {
      if (!entries?.length) continue;
      const group = make("optgroup");
      group.label = name;
      for (const { key, title } of entries) {
        const option = make("option", "", title);
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

  function chips(name, entries, chosen, press) {
    const group = make("div", "chips");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", name);
    for (const [value, text] of entries) {
      const chip = button("chip", text, () => press(value));
      chip.setAttribute("role", "radio");
      chip.setAttribute("aria-checked", String(value === chosen));
      chip.tabIndex = value === chosen || !entries.some(([one]) => one === chosen) ? 0 : -1;
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
      const said = event.currentTarget;
      try {
        await navigator.clipboard.writeText(address);
        said.textContent = words.copied;
      } catch {
        // Without https there is no clipboard: the address stands there to be copied by hand.
        const shown = make("input", "address");
        shown.readOnly = true;
        shown.value = address;
        shown.setAttribute("aria-label", words.copy_link);
        said.replaceWith(shown);
        shown.select();
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

  // fetch: true asks the server again, false draws what is there, null changes nothing on the page.
  function change(next, fetch = true) {
    const viewChanged = next.view && next.view !== choice.view;
    Object.assign(choice, next);
    if (viewChanged || next.from) answer = null;
    if (next.from || next.guess !== undefined) dirtySource ||= Boolean(next.from);
    if (fetch === null) return;
    if (fetch) {
      drawLeft();
      number += 1; // an answer that is still on its way is to another question
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

  // ---- the loop: it asks when something was changed, and every second while a run goes on

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
    if (FOLLOWING.includes(choice.view)) return load(true);
    // The others stay while a run goes on: somebody reads them. They change when it stands still at another step.
    const got = await request("state");
    if (!got || got.error) return;
    about = { ...about, ...got };
    drawRun();
    drawLate();
    if (got.state !== "running" && about.shown != null && got.now > about.shown) {
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
      // Out of sight nothing is asked for, so there has to be a rest: a loop without one would stop the page.
      if (!dirty || !visible()) await sleep(performance.now() < hurry ? 150 : BASE);
    }
  }

  function adopt() {
    listed = null;
    if (props.job && about?.kind !== "run" && !linked) choice.from = `run:${props.job}`;
    dirty = true;
    wake();
  }

  const linked = readLink(location.search, VIEWS);
  Object.assign(choice, linked ?? {});
  let [job, owner] = [props.job, props.owner];
  watch(["job", "owner", "opened"], () => {
    if (props.job !== job) {
      // The run on screen is another one: the tab opens on it.
      job = props.job;
      if (job && !linked) Object.assign(choice, { from: `run:${job}`, view: choice.view === "inside" ? choice.before : choice.view });
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

// The place of the focused element, so that a redraw does not take the keyboard away.
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
