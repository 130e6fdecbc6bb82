// Which threshold: two hills of distances with a line to drag, the ROC with a moving point, and pictures of the errors.

import { make } from "../common/dom.js";
import { fixed, percent, whole } from "../common/numbers.js";
import { linearTicks } from "../common/ticks.js";
import { badge, image, legend, panel } from "./cards.js";
import { count, decode, histogram, roc } from "./counting.js";
import { shape } from "../common/svg.js";

const [WIDTH, HEIGHT, LEFT, TOP, BINS] = [560, 292, 10, 26, 50];
const [RIGHT, BOTTOM] = [WIDTH - 10, HEIGHT - 24];
const SIDE = 300;
const MOST_ERRORS = 10;

export function createThreshold({ words, say, choice, change, openPair }) {
  let data = null; // the answer with its distances decoded
  let parts = null; // elements that move with the threshold

  function show(answer) {
    if (data?.answer !== answer) {
      const [same, different] = [decode(answer.same), decode(answer.different)];
      data = { answer, same, different, end: answer.scale, curve: roc(same, different) };
    }
    parts = {};
    const nodes = [facts(), plots(), errorLists()];
    move(threshold());
    return nodes;
  }

  const threshold = () => choice.t ?? data.answer.thresholds[choice.set ?? "validation"];

  function facts() {
    const box = make("div", "box status four");
    box.setAttribute("role", "status");
    parts.facts = {};
    for (const name of ["letIn", "turnedAway", "right", "eer"]) {
      const fact = make("div", `fact fact-${name}`);
      parts.facts[name] = [make("b"), make("span", "", words[`fact_${name}`]), make("span", "soft")];
      fact.append(...parts.facts[name]);
      box.append(fact);
    }
    return box;
  }

  function plots() {
    const row = make("div", "two");
    const entries = [["s", words.friends], ["d", words.strangers], ["t", words.threshold]];
    const lead = say("threshold_lead", { n: whole(data.same.length), unseen: words[data.answer.unseen] ?? data.answer.unseen });
    row.append(panel(words.threshold_title, lead, [], hills(), legend(entries)), panel(words.roc_title, words.roc_lead, [], rocPlot()));
    return row;
  }

  const x = (value) => LEFT + (Math.min(value, data.end) / data.end) * (RIGHT - LEFT);

  function hills() {
    const [same, different] = [data.same, data.different].map((values) => histogram(values, BINS, data.end).map((n) => n / values.length));
    const peak = 1.06 * Math.max(...same, ...different);
    const y = (share) => BOTTOM - (share / peak) * (BOTTOM - TOP - 6);
    const step = (RIGHT - LEFT) / BINS;
    const bars = (shares) => shares.map((share, k) => (share ? `M${(LEFT + k * step + 0.5).toFixed(1)} ${BOTTOM}V${y(share).toFixed(1)}h${(step - 1).toFixed(1)}V${BOTTOM}z` : "")).join("");
    const ridge = (shares) => {
      const at = (k) => shares[Math.max(0, Math.min(BINS - 1, k))];
      return shares.map((_, k) => `${k ? "L" : "M"}${(LEFT + (k + 0.5) * step).toFixed(1)} ${y(0.25 * at(k - 1) + 0.5 * at(k) + 0.25 * at(k + 1)).toFixed(1)}`).join("");
    };
    const id = "explore-hatch";
    parts.low = shape("rect", { x: 0, y: 0, width: 0, height: HEIGHT });
    parts.high = shape("rect", { x: 0, y: 0, width: WIDTH, height: HEIGHT });
    parts.line = shape("g", { class: "drag" });
    parts.line.append(
      shape("path", { d: `M0 6V${BOTTOM}`, class: "dash" }),
      shape("rect", { x: -11, y: BOTTOM - 36, width: 22, height: 30, rx: 7, class: "grip" }),
      shape("path", { d: `M-3.5 ${BOTTOM - 28}v14M3.5 ${BOTTOM - 28}v14`, class: "grip-lines" }),
    );
    parts.value = shape("text", { y: 15, class: "strong", "text-anchor": "middle" });
    parts.says = [shape("text", { y: 15, "text-anchor": "end" }, words.says_same), shape("text", { y: 15 }, words.says_different)];
    const hatch = shape("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, shape("path", { d: "M1 0V6", class: "hatch" }));
    const ticks = linearTicks(0, data.end, 4).filter(({ at }) => x(at) < RIGHT - 70);
    const labels = ticks.map(({ at, text }) => shape("text", { x: x(at), y: HEIGHT - 6, "text-anchor": at ? "middle" : "start" }, text));
    const plot = shape("svg", { class: "hills", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "slider", tabindex: 0, "aria-label": words.threshold, "aria-valuemin": 0, "aria-valuemax": data.end });
    plot.append(
      shape("defs", {}, hatch, shape("clipPath", { id: "explore-low" }, parts.low), shape("clipPath", { id: "explore-high" }, parts.high)),
      shape("path", { d: bars(different), fill: `url(#${id})` }),
      shape("path", { d: bars(same), class: "fill-same faint" }),
      shape("path", { d: bars(different), class: "fill-different", "clip-path": "url(#explore-low)" }),
      shape("path", { d: bars(same), class: "fill-same", "clip-path": "url(#explore-high)" }),
      shape("path", { d: ridge(different), class: "ridge different" }),
      shape("path", { d: ridge(different), class: "ridge inner" }),
      shape("path", { d: ridge(same), class: "ridge same" }),
      shape("path", { d: `M${LEFT} ${BOTTOM}H${RIGHT}`, class: "axis" }),
      ...labels,
      shape("text", { x: RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, words.distance),
      parts.line,
      ...parts.says,
    );
    parts.plot = plot;
    const set = (value) => {
      choice.t = Math.max(0, Math.min(data.end, value));
      choice.set = null;
      move(choice.t);
      change({}, null);
    };
    const follow = (event) => {
      const box = plot.getBoundingClientRect();
      set((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (RIGHT - LEFT) * data.end);
    };
    plot.onpointerdown = (event) => {
      if (event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      plot.focus({ preventScroll: true });
      follow(event);
      plot.onpointermove = follow;
    };
    plot.onpointerup = plot.onpointercancel = () => (plot.onpointermove = null);
    plot.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(threshold() + (step * data.end) / 200);
    };
    return plot;
  }

  function rocPlot() {
    const [px, py] = [(share) => 34 + share * (SIDE - 44), (share) => SIDE - 32 - share * (SIDE - 46)];
    const plot = shape("svg", { class: "roc", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" });
    for (const share of [0, 0.5, 1]) {
      plot.append(
        shape("path", { d: `M${px(0)} ${py(share)}H${px(1)}`, class: "axis" }),
        shape("text", { x: 28, y: py(share) + 4, "text-anchor": "end" }, String(100 * share)),
        shape("text", { x: px(share), y: SIDE - 17, "text-anchor": share === 1 ? "end" : "middle" }, `${100 * share}`),
      );
    }
    const { eer } = data.answer;
    // The curve has at most about 400 points; the moving point is exact.
    const every = Math.ceil(data.curve.length / 400);
    const line = data.curve.filter((_, k) => k % every === 0 || k === data.curve.length - 1);
    plot.append(
      shape("path", { d: `M${px(0)} ${py(0)}L${px(1)} ${py(1)}`, class: "chance" }),
      shape("path", { d: `M${px(0)} ${py(1)}L${px(1)} ${py(0)}`, class: "axis" }),
      shape("text", { x: px(0.74), y: py(0.62) }, words.guessing),
      shape("path", { d: line.map(([a, b], k) => `${k ? "L" : "M"}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join(""), class: "curve" }),
      shape("path", { d: `M${px(eer)} ${py(1 - eer) - 7}l7 7l-7 7l-7 -7z`, class: "equal" }),
      shape("text", { x: px(eer) + 12, y: py(1 - eer) + 16, class: "over" }, words.equal_errors),
      shape("text", { x: px(0.5), y: SIDE - 1, "text-anchor": "middle" }, words.roc_axis),
    );
    parts.guides = shape("path", { class: "guides" });
    parts.point = shape("circle", { r: 6.5, class: "point" });
    plot.append(parts.guides, parts.point);
    parts.roc = { plot, px, py };
    return plot;
  }

  function errorLists() {
    const row = make("div", "half");
    parts.lists = [];
    for (const kind of ["different", "same"]) {
      const list = make("ul", "errors");
      const none = make("p", "lead none", words.none_here);
      const entries = data.answer.worst[kind].map((card) => {
        const item = make("li");
        const node = make("button", "error");
        node.type = "button";
        node.onclick = () => openPair({ at: card.at, step: data.answer.step }, filmOf());
        const pair = make("span", "pictures");
        pair.append(image(card.left, kind, card.names[0]), image(card.right, kind, card.names[1]));
        node.append(badge(words), pair, make("span", "number", fixed(card.d, 3)));
        item.append(node);
        list.append(item);
        return { item, d: card.d };
      });
      const box = panel("", kind === "different" ? words.let_in_lead : words.turned_away_lead, [], list, none);
      parts.lists.push({ kind, entries, none, list, title: box.querySelector("h2") });
      row.append(box);
    }
    return row;
  }

  function filmOf() {
    const { worst, step } = data.answer;
    return [...worst.different.slice(0, 6), ...worst.same.slice(0, 6)].map((card) => ({ card, spec: { at: card.at, step } }));
  }

  function move(value) {
    const { same, different, answer } = data;
    const counts = count(same, different, value);
    const texts = {
      letIn: [percent(counts.letIn / different.length), say("strangers_let_in", { n: whole(counts.letIn), of: whole(different.length) })],
      turnedAway: [percent(counts.turnedAway / same.length), say("friends_turned_away", { n: whole(counts.turnedAway), of: whole(same.length) })],
      right: [percent(counts.right), words.guessing_half],
      eer: [percent(answer.eer), words.where_equal],
    };
    for (const [name, [number, detail]] of Object.entries(texts)) {
      parts.facts[name][0].textContent = number;
      parts.facts[name][2].textContent = detail;
    }
    const at = x(value);
    parts.line.setAttribute("transform", `translate(${at} 0)`);
    parts.low.setAttribute("width", at);
    parts.high.setAttribute("x", at);
    parts.says[0].setAttribute("x", at - 10);
    parts.says[1].setAttribute("x", at + 10);
    parts.says[0].style.display = at > 110 ? "" : "none";
    parts.says[1].style.display = at < WIDTH - 140 ? "" : "none";
    parts.plot.setAttribute("aria-valuenow", value.toFixed(3));
    parts.plot.setAttribute("aria-valuetext", `${fixed(value, 3)}: ${texts.letIn[1]}, ${texts.turnedAway[1]}`);
    parts.plot.dataset.threshold = value;
    const { px, py, plot } = parts.roc;
    const [a, b] = [counts.letIn / different.length, counts.found / same.length];
    parts.point.setAttribute("cx", px(a));
    parts.point.setAttribute("cy", py(b));
    parts.guides.setAttribute("d", `M${px(0)} ${py(b)}H${px(a)}V${py(0)}`);
    plot.setAttribute("aria-label", `${words.roc_title}: ${texts.letIn[1]}, ${percent(b)} ${words.friends_kept}`);
    for (const { kind, entries, none, list, title } of parts.lists) {
      const number = kind === "different" ? counts.letIn : counts.turnedAway;
      title.textContent = say(kind === "different" ? "let_in_title" : "turned_away_title", { n: whole(number) });
      entries.forEach(({ item, d }, k) => (item.hidden = k >= MOST_ERRORS || d < value !== (kind === "different")));
      none.hidden = number > 0;
      list.hidden = number === 0;
    }
    parts.onMove?.(value);
  }

  return { show, onMove: (action) => parts && (parts.onMove = action) };
}
