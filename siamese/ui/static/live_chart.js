// The view put together, and the loop that asks the server for the next snapshot.

const FAR = location.hostname.endsWith(".hf.space");
const BASE = FAR ? 3500 : 1000;
const SOON = FAR ? 1000 : 250;
const HIDDEN = 20000;
const LONGEST = 15000;
const MORPH = 700;

const root = element.querySelector(".live");
root.lang = language === "zh" ? "zh-CN" : "en";
const gone = new AbortController();
const listen = (target, name, action) => target.addEventListener(name, action, { signal: gone.signal });

// ---- the panels

const status = new StatusBar();
const notice = new Notice();
const watching = make("p", "watching");
const stepPanel = new StepPanel();

const lossPanel = panel("loss", words.loss_title, words.loss_lead);
const lossPlot = new LossPlot();
lossPanel.tools.append(
  toggle(words.log_axis, false, (on) => lossPlot.set("log", on)),
  toggle(words.seconds_axis, false, (on) => lossPlot.set("axis", on ? "seconds" : "step")),
);
const lossLegend = make("ul", "legend");
lossPanel.section.append(lossPlot.box, lossLegend);

const distancePanel = panel("distances", words.distances_title, "");
const distancePlot = new DistancePlot();
const distanceLegend = make("ul", "legend");
distancePanel.section.append(distancePlot.box, distanceLegend);

const mapPanel = panel("map", words.map_title, "");
const mapPlot = new MapPlot();
mapPanel.tools.append(
  toggle(words.thumbnails, true, (on) => {
    mapPlot.thumbnails = on;
    mapPlot.redraw();
  }),
);
const history = new History((at) => showHistory(at));
mapPanel.section.append(mapPlot.box, history.box);

const scoresPanel = new ScoresPanel();
const spoken = make("p", "unseen-text");
spoken.setAttribute("role", "status");

const grid = make("div", "grid");
grid.append(lossPanel.section, distancePanel.section, mapPanel.section, scoresPanel.section);
root.replaceChildren(status.section, watching, notice.section, stepPanel.section, grid, spoken);
const plots = [lossPlot, distancePlot, mapPlot, scoresPanel.plot];

// ---- what is known

let [job, version, run, up, state] = [null, -1, null, true, "idle"];
let frames = new Map();
let drawnFrame = null;
let sprite = "none";
let overlays = [];
let adopted = performance.now();
let [delay, wake] = [BASE, () => {}];

const unseen = () => unseenWord(run?.dataset?.unseen ?? props.plan?.unseen);
// How long the curve's end glides towards the newest point: until the next snapshot is due.
const glide = () => (run?.state === "running" ? BASE : 250);

function adopt(next) {
  [job, version, run, state, up, delay] = [next, -1, null, "idle", true, BASE];
  [frames, drawnFrame, sprite, adopted] = [new Map(), null, "none", performance.now()];
  wanted = null;
  history.reset();
  showMarker(null);
  mapPlot.reset();
  distancePlot.update(null);
  stepPanel.show(null);
  render(0);
}

function enter(next) {
  if (next === state) return;
  state = next;
  setText(spoken, state === "idle" ? "" : (words[`state_${state}`] ?? state));
  if (job && state !== "idle") trigger("job_state", { state, job });
}

// ---- drawing

function render(length = glide()) {
  Object.assign(root.dataset, {
    state,
    step: run?.step ?? 0,
    points: run?.loss?.value.length ?? 0,
    net: up ? "up" : "down",
  });
  status.show(state, run, props.plan, up);
  notice.show(state, run);
  renderWatching();
  stepPanel.show(run?.detail);
  lossPlot.overlays = overlays.filter((other) => other.loss);
  lossPlot.update(run, length);
  scoresPanel.plot.update(run, length);
  scoresPanel.show(run, unseen());
  renderLegends();
  renderEmpty();
  describeLoss();
  history.update(run?.frames ?? 0);
  if (history.at === null && run?.frame) showFrame(run.frame);
}

function renderWatching() {
  watching.hidden = !props.watch;
  if (!props.watch) return;
  const told = [words.watching];
  if (run) {
    told.push(say("loss_named", { name: run.loss.name }), say("rate_now", { rate: short(run.learning_rate) }));
    if (run.margin != null) told.push(say("margin_now", { margin: short(run.margin) }));
  }
  setText(watching, told.join(" · "));
}

function fillLegend(list, entries) {
  const key = JSON.stringify(entries);
  if (list.shown === key) return;
  list.shown = key;
  list.replaceChildren(...legend(entries).children);
}

function renderLegends() {
  const others = lossPlot.overlays.map((other, k) => [`dash-${k}`, other.label]);
  fillLegend(lossLegend, [
    ["thick", words.training],
    ["thin", words.validation],
    ["faint", words.each_step],
    ...others,
  ]);
  const threshold = drawnFrame?.threshold;
  const line = threshold == null ? words.threshold : `${words.threshold} ${short(threshold)}`;
  fillLegend(distanceLegend, [
    ["same", words.same],
    ["different", words.different],
    ["dashed", line],
    ["wrong", words.wrong],
  ]);
}

function renderEmpty() {
  const points = run?.loss?.value.length;
  const waiting = state === "waiting" ? say("waiting_note", { place: run.place }) : null;
  const preparing = state === "preparing" ? say("preparing_note", { share: percent(run.prepared ?? 0, 0) }) : null;
  const starting = { running: words.starting, paused: words.paused_note }[state];
  const lost = state === "gone" ? words.gone_title : null;
  lossPlot.say(points ? null : (waiting ?? preparing ?? starting ?? lost ?? words.loss_empty));
  distancePlot.say(drawnFrame ? null : words.distances_empty);
  mapPlot.say(drawnFrame ? null : words.map_empty);
  scoresPanel.plot.say(run?.validation?.step.length ? null : words.scores_empty);
  if (drawnFrame) return;
  setText(distancePanel.lead, words.distances_lead);
  setText(mapPanel.lead, words.map_lead);
  distancePlot.describe(words.distances_empty);
  mapPlot.describe(words.map_empty);
}

function describeLoss() {
  const points = run?.loss?.value.length;
  if (!points) return lossPlot.describe(words.loss_empty);
  const { loss, validation } = run;
  const told = [
    say("loss_aria", {
      step: whole(loss.step.at(-1)),
      steps: whole(run.steps),
      loss: short(lossPlot.smoothed.findLast((value) => value != null)),
    }),
  ];
  if (validation.loss.length) told.push(`${words.validation} ${short(validation.loss.at(-1))}.`);
  if (loss.collapse > 0)
    told.push(say("collapse_line", { name: loss.collapse_name ?? "", value: short(loss.collapse) }) + ".");
  lossPlot.describe(told.join(" "));
}

// `share` of the pairs is on the wrong side of the threshold: told out of a hundred, or of a thousand where it is few.
function wrongSide(share) {
  if (share == null) return null;
  const few = share > 0 && share < 0.01;
  const n = few ? fixed(1000 * share, share < 0.001 ? 1 : 0) : fixed(100 * share, 0);
  return say(few ? "wrong_thousand" : "wrong_hundred", { n, unseen: unseen() });
}

function showFrame(frame, length = MORPH) {
  if (frame === drawnFrame) return;
  const again = frame.index === drawnFrame?.index && frame.step === drawnFrame?.step;
  frames.set(frame.index, frame);
  const duration = drawnFrame ? length : 0;
  if (!drawnFrame) lookBack();
  drawnFrame = frame;
  history.tell(frame.step);
  if (again) return;
  distancePlot.update(frame, duration);
  mapPlot.update(frame, duration);
  loadSprite();
  const told = wrongSide(frame.overlap);
  setText(distancePanel.lead, told ?? words.distances_lead);
  const kept = frame.explained;
  setText(
    mapPanel.lead,
    kept == null || kept > 0.9995 ? words.map_lead : say("map_lead_pca", { share: percent(kept, 0) }),
  );
  distancePlot.describe(
    `${say("distances_aria", { step: whole(frame.step), threshold: short(frame.threshold) })} ${told ?? ""}`,
  );
  mapPlot.describe(say("map_aria", { count: frame.x.length, step: whole(frame.step) }));
  renderLegends();
  renderEmpty();
}

// A page that joins late looks at the beginning and the middle of the run as well, to know how far it once spread.
async function lookBack() {
  const asked = job;
  for (const index of new Set([0, Math.floor(run.frames / 2)])) {
    if (frames.has(index) || index >= run.frames) continue;
    const answer = await ask("frame", [job, index]);
    if (asked !== job || !answer?.edges) return;
    frames.set(index, answer);
    mapPlot.widen(answer);
  }
  if (drawnFrame) mapPlot.fit(drawnFrame, 250);
}

function showMarker(step) {
  lossPlot.mark(step);
  scoresPanel.plot.mark(step);
}

// ---- history: one request at a time, and only for the frame wanted last

let [wanted, fetching] = [null, false];
async function showHistory(at) {
  wanted = at;
  if (at === null) {
    showMarker(null);
    if (run?.frame) showFrame(run.frame, 250);
    return;
  }
  if (fetching) return;
  fetching = true;
  for (let index = at; wanted !== null; index = wanted) {
    if (!frames.has(index)) {
      const asked = job;
      const answer = await ask("frame", [job, index]);
      if (asked !== job || !answer?.edges) break;
      frames.set(index, answer);
    }
    if (wanted === null) break;
    showFrame(frames.get(index), 200);
    showMarker(frames.get(index).step);
    if (wanted === index) break;
  }
  fetching = false;
}

async function loadSprite() {
  if (sprite !== "none") return;
  sprite = "asked";
  const asked = job;
  const answer = await ask("thumbnails", [job]);
  if (asked !== job) return;
  try {
    if (!String(answer?.sprite).startsWith("data:image/")) throw new Error("no picture");
    mapPlot.sprite = await Sprite.load(answer);
    sprite = "here";
    mapPlot.redraw();
  } catch {
    // Dots in one colour do until it can be had: the next frame asks again.
    if (asked === job) sprite = "none";
  }
}

// ---- asking

// The answer, or undefined where none came: the network is away, the server is, or it took too long to say.
async function ask(name, args) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, 12000)));
  try {
    return (await Promise.race([server[name](args), late])) ?? undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function sleep(length) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, length);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function take(answer) {
  up = true;
  delay = BASE;
  if (answer.gone) {
    enter("gone");
    return render();
  }
  if (answer.same) {
    // Its place in the line can change without anything happening to the run.
    const moved = run && answer.place !== undefined && answer.place !== run.place;
    if (moved) run = { ...run, place: answer.place };
    return (moved || root.dataset.net === "down") && render();
  }
  if (run && answer.frames < run.frames) frames.clear();
  const first = !run;
  [version, run] = [answer.v, answer];
  enter(run.state);
  render(first ? 0 : glide());
}

async function askOverlays() {
  const now = performance.now();
  const listed = (props.overlays ?? []).slice(0, DASHES.length).filter(({ id }) => id !== job);
  overlays = listed.map(({ id, label }) => ({
    ...(overlays.find((known) => known.id === id) ?? { id, v: -1, due: 0 }),
    label: String(label),
  }));
  for (const other of overlays) {
    if (other.due > now) continue;
    const answer = await ask("poll", [other.id, other.v]);
    other.due = now + 5000;
    if (!answer || answer.same) continue;
    if (answer.gone || OVER.includes(answer.state)) other.due = Infinity;
    if (answer.loss) Object.assign(other, { v: answer.v, loss: answer.loss, smoothed: smooth(answer.loss.value) });
    render();
  }
}

function pause() {
  if (document.visibilityState !== "visible") return HIDDEN;
  if (!up) return delay;
  if (!job || state === "gone") return overlays.some((other) => other.due < Infinity) ? 5000 : 60000;
  const young = performance.now() - adopted < 5000;
  if (OVER.includes(state)) return young ? BASE : LONGEST;
  if (state === "waiting") return young ? SOON : BASE;
  if (young || !run?.loss.value.length) return SOON;
  return state === "paused" ? BASE / 2 : BASE;
}

async function live() {
  while (element.isConnected) {
    if ((props.job ?? null) !== job) adopt(props.job ?? null);
    if (job && state !== "gone") {
      const asked = job;
      const answer = await ask("poll", [job, version]);
      if (asked !== (props.job ?? null)) continue;
      if (answer) take(answer);
      else {
        delay = up ? BASE : Math.min(2 * delay, LONGEST);
        up = false;
        render();
      }
    }
    await askOverlays();
    await sleep(pause());
  }
  gone.abort();
}

// ---- the world around

function repaint() {
  readTheme(root);
  plots.forEach((plot) => plot.redraw());
}

watch(["job", "overlays", "plan", "watch"], () => {
  if ((props.job ?? null) === job) render();
  wake();
});
listen(document, "visibilitychange", () => document.visibilityState === "visible" && wake());
listen(window, "online", () => wake());
listen(window, "resize", repaint);
listen(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
const themes = new MutationObserver(repaint);
for (const node of [document.documentElement, document.body])
  themes.observe(node, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
document.fonts?.ready.then(repaint);

let told = 0;
loop.report = (rate) => {
  const now = performance.now();
  if (now - told < 500) return;
  told = now;
  root.dataset.fps = rate.toFixed(0);
};

readTheme(root);
render(0);
live();
