// Inside a pair: two pictures pass through one encoder (or two) and become two rows of bars, a distance and a force.

import { button, make } from "../common/dom.js";
import { fixed, whole } from "../common/numbers.js";
import { image, panel, shareText, shortName } from "./cards.js";
import { shape } from "../common/svg.js";

const [WIDTH, HEIGHT] = [880, 430];
const [UPPER, LOWER, MIDDLE] = [96, 300, 198]; // the two lanes, and the middle between them
const [BLOCK, BLOCK_WIDTH] = [120, 356];
const [BARS, BARS_WIDTH] = [502, 200];
const VALUE = 736;

export function createInside({ words, say, choice, change, openPair }) {
  let track = null; // the pair on screen, and its distances since somebody opened it
  let film = []; // the cards of the view from which somebody opened the pair

  function show(answer) {
    if (answer.busy || answer.empty) return [panel(words.inside_title, words.busy)];
    const key = JSON.stringify([choice.from, choice.pair]);
    if (track?.key !== key) {
      track = { key, points: [] };
      if (answer.then) track.points.push([answer.then.step - 1, answer.then.d]);
    }
    if (answer.live && track.points.at(-1)?.[0] !== answer.step) track.points.push([answer.step, answer.d]);
    if (track.points.length > 600) track.points = track.points.filter((_, k) => k % 2 === 0);
    choice.channels = answer.stages.map((stage) => stage.channels);
    const scroller = make("div", "flow-box");
    scroller.append(flow(answer));
    requestAnimationFrame(() => {
      // Where the drawing is wider than the screen, people must be able to scroll it with the keyboard.
      if (scroller.scrollWidth <= scroller.clientWidth) return;
      Object.assign(scroller, { tabIndex: 0, role: "group", ariaLabel: words.inside_title });
    });
    const lead = answer.towers === 2 ? words.inside_lead_two : words.inside_lead;
    const section = panel(words.inside_title, lead, [], scroller);
    if (track.points.length > 1) section.append(course(answer));
    else if (!answer.live && choice.kind === "run") section.append(make("p", "lead", say("kept_network", { step: whole(answer.step) })));
    return [strip(), section];
  }

  function strip() {
    const row = make("div", "box film");
    row.append(button("back", `← ${words[`view_${choice.before}`].split(/[:：]/)[0]}`, () => change({ view: choice.before, pair: null })));
    const list = make("ul");
    for (const { card, spec } of film) {
      const item = make("li");
      const mini = button("mini", "", () => openPair(spec, film));
      const side = card.same ? "same" : "different";
      mini.append(image(card.left, side, card.names[0]), image(card.right, side, card.names[1]));
      if (JSON.stringify(spec) === JSON.stringify(choice.pair)) mini.setAttribute("aria-current", "true");
      item.append(mini);
      list.append(item);
    }
    row.append(list);
    return row;
  }

  // ---- the drawing

  function flow(answer) {
    const { d, threshold, same, towers } = answer;
    const picture = shape("svg", {
      class: "flow", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": say(towers === 2 ? "inside_aria_two" : "inside_aria", { d: fixed(d, 3) }),
    });
    picture.append(markers());
    for (const [y, k] of [[UPPER, 0], [LOWER, 1]]) {
      picture.append(...framedPicture(answer.pictures[k], y, same));
      picture.append(text(46, k ? 372 : 36, shortName(answer.names[k]).slice(0, 14), "name", "middle"));
      picture.append(wire(`M93 ${y}H126`), wire(`M${BLOCK + BLOCK_WIDTH + 1} ${y}H494`));
    }
    picture.append(text(46, MIDDLE + 5, `${same ? "=" : "≠"} ${same ? words.same : words.different}`, `truth-${same ? "same" : "different"}`, "middle"));
    picture.append(...encoder(answer), ...embeddings(answer), ...force(answer), ...values(answer, threshold), ...back(answer));
    return picture;
  }

  function markers() {
    const defs = shape("defs");
    for (const [id, size, name] of [["tip", 7, "ink"], ["tip-thin", 6, "edge"], ["tip-thick", 11, "ink"]]) {
      const box = { id: `explore-${id}`, viewBox: "0 0 8 8", refX: id === "tip-thick" ? 4 : 6, refY: 4, markerWidth: size, markerHeight: size, markerUnits: "userSpaceOnUse", orient: "auto" };
      defs.append(shape("marker", box, shape("path", { d: "M0 0L8 4L0 8z", class: `fill-${name}` })));
    }
    return defs;
  }

  const text = (x, y, content, name = "", anchor = "start") => shape("text", { x, y, class: name, "text-anchor": anchor }, content);
  const wire = (d) => shape("path", { d, class: "wire", "marker-end": "url(#explore-tip)" });

  function framedPicture(uri, y, same) {
    const frame = (inset, width) => shape("rect", { x: inset, y: y - 46 + inset, width: 92 - 2 * inset, height: 92 - 2 * inset, rx: 5, class: same ? "frame-same" : "frame-different", "stroke-width": width });
    const picture = shape("image", { href: uri, x: 6, y: y - 40, width: 80, height: 80 });
    return [shape("rect", { x: 0, y: y - 46, width: 92, height: 92, rx: 6, class: "card" }), picture, ...(same ? [frame(1.5, 3)] : [frame(0.8, 1.7), frame(4.2, 1.7)])];
  }

  function encoder({ stages, towers }) {
    const middle = BLOCK + BLOCK_WIDTH / 2;
    const nodes = [];
    const block = (y, height) => shape("rect", { x: BLOCK, y, width: BLOCK_WIDTH, height, rx: 12, class: "block" });
    if (towers === 2) nodes.push(block(8, 186), block(202, 188), text(middle, 28, words.left_encoder, "bold", "middle"), text(middle, 381, words.right_encoder, "bold", "middle"));
    else nodes.push(block(8, 382), text(middle, 30, words.one_encoder, "bold", "middle"), text(middle, 379, words.weights_once, "soft", "middle"));
    if (!stages.length) return [...nodes, text(middle, MIDDLE + 4, words.no_maps, "soft", "middle")];
    for (const y of [UPPER, LOWER]) nodes.push(shape("rect", { x: BLOCK + 10, y: y - 53, width: BLOCK_WIDTH - 20, height: 106, rx: 8, class: "lane" }));
    const step = (BLOCK_WIDTH - 28) / stages.length;
    const tile = Math.min(45, (step - 20) / 2);
    stages.forEach((stage, s) => {
      const left = BLOCK + 14 + s * step + (step - 2 * tile - 2) / 2;
      const centre = left + tile + 1;
      for (const [y, k] of [[UPPER, 0], [LOWER, 1]]) {
        stage.maps[k].forEach((uri, q) => nodes.push(pixels(uri, left + (q % 2) * (tile + 2), y - tile - 1 + (q >> 1) * (tile + 2), tile)));
        if (s + 1 < stages.length) nodes.push(shape("path", { d: `M${left + 2 * tile + 5} ${y}h${Math.max(4, step - 2 * tile - 12)}`, class: "thin", "marker-end": "url(#explore-tip-thin)" }));
      }
      const size = Math.min(20, (2 * tile + 2) / stage.maps[0].length - 4);
      const kernels = (row, y) => row.forEach((uri, q) => {
        const x = centre - (row.length * (size + 4) - 4) / 2 + q * (size + 4);
        nodes.push(pixels(uri, x, y, size), shape("rect", { x, y, width: size, height: size, class: "kernel" }));
      });
      const about = say("filters", { n: stage.filters, h: stage.kernel[0], w: stage.kernel[1] });
      if (towers === 2) {
        kernels(stage.kernels[0], UPPER + 58);
        kernels(stage.kernels[1], LOWER - 58 - size);
      } else {
        kernels(stage.kernels[0], MIDDLE - 3 - size);
        nodes.push(text(centre, MIDDLE + 15, about, "small", "middle"));
        nodes.push(wire(`M${centre} ${MIDDLE - 7 - size}V${UPPER + 57}`), wire(`M${centre} ${MIDDLE + 21}V${LOWER - 57}`));
      }
    });
    return nodes;
  }

  const pixels = (uri, x, y, size) => shape("image", { href: uri, x, y, width: size, height: size, class: "pixels", preserveAspectRatio: "none" });

  function embeddings({ embeddings: [a, b], parts, similarity }) {
    const step = BARS_WIDTH / a.length;
    const width = Math.max(0.5, step * 0.7);
    const top = Math.max(1e-9, ...a.map(Math.abs), ...b.map(Math.abs));
    const bars = (values, axis, height, largest) =>
      shape("path", {
        class: "bars",
        d: values.map((value, k) => {
          const size = Math.max(0.6, (Math.abs(value) / largest) * height);
          return `M${(BARS + k * step).toFixed(2)} ${axis}v${(value >= 0 ? -size : size).toFixed(1)}h${width.toFixed(2)}v${(value >= 0 ? size : -size).toFixed(1)}z`;
        }).join(""),
      });
    const axis = (y) => shape("path", { d: `M${BARS - 2} ${y}h${BARS_WIDTH + 4}`, class: "axis" });
    const largest = Math.max(similarity === "learned" ? 1e-9 : 1.2 / a.length, ...parts.map(Math.abs));
    const signed = parts.some((value) => value < 0);
    const base = signed ? MIDDLE + 8 : MIDDLE + 30;
    const centre = BARS + BARS_WIDTH / 2;
    const count = say("embedding_of", { n: a.length });
    return [
      bars(a, UPPER, 42, top), axis(UPPER), bars(b, LOWER, 42, top), axis(LOWER),
      bars(parts, base, signed ? 22 : 44, largest), axis(base),
      text(centre, 36, count, "soft", "middle"), text(centre, LOWER + 72, count, "soft", "middle"),
      text(centre, MIDDLE - 32, words[`parts_${similarity}`] ?? words.parts, "soft", "middle"),
    ];
  }

  const forceOf = (answer) => answer.force ?? answer.then?.force ?? null;

  function force(answer) {
    const at = 716;
    const what = forceOf(answer);
    if (!what) return [];
    if (what === "none") return [shape("circle", { cx: at, cy: MIDDLE, r: 4, class: "fill-ink" })];
    const path = (d) => shape("path", { d, class: "thick", "marker-end": "url(#explore-tip-thick)" });
    return what === "push"
      ? [path(`M${at} ${MIDDLE - 40}V${UPPER - 30}`), path(`M${at} ${MIDDLE + 40}V${LOWER + 30}`)]
      : [path(`M${at} ${UPPER - 34}V${MIDDLE - 50}`), path(`M${at} ${LOWER + 34}V${MIDDLE + 50}`)];
  }

  function values(answer, threshold) {
    const { d, scale, margin, same, similarity, loss, loss_name: name } = answer;
    const x = (value) => VALUE + Math.min(1, value / scale) * 144;
    const nodes = [wire(`M706 ${MIDDLE}H729`), text(VALUE, 138, words.distance_title, "title"), text(VALUE, 156, words[`from_parts_${similarity}`] ?? "", "small")];
    nodes.push(text(VALUE - 2, MIDDLE + 16, fixed(d, 3), "number"));
    nodes.push(shape("rect", { x: VALUE, y: 230, width: 144, height: 12, rx: 6, class: "far-zone" }));
    if (threshold != null) {
      nodes.push(shape("rect", { x: VALUE, y: 230, width: Math.max(0, x(threshold) - VALUE), height: 12, rx: 6, class: "near-zone" }));
      nodes.push(shape("path", { d: `M${x(threshold)} 224V248`, class: "dash" }));
    }
    if (margin != null) {
      nodes.push(shape("path", { d: `M${x(margin)} 226V246`, class: "mark" }));
    }
    // Where both marks are close together, their names are moved aside.
    const aside = margin != null && threshold != null && Math.abs(x(margin) - x(threshold)) < 58;
    const first = aside && threshold <= margin;
    for (const [value, name, before] of [[threshold, words.threshold, first], [margin, words.margin, !first]]) {
      if (value == null) continue;
      nodes.push(text(x(value) + (aside ? (before ? 12 : -12) : 0), 263, name, "small", aside ? (before ? "end" : "start") : "middle"));
    }
    nodes.push(shape("circle", { cx: x(d), cy: 236, r: 7.5, class: "dot" }));
    if (threshold != null) {
      const says = d < threshold;
      nodes.push(text(VALUE, 291, `${says === same ? "✓" : "✕"} ${say("says", { what: says ? words.same : words.different })}`, "bold"));
    }
    if (loss != null) {
      const formula = name === "bce" ? `−log p = ${fixed(loss, 3)}` : same ? `${fixed(d, 3)}² = ${fixed(loss, 3)}` : d < margin ? `(${fixed(margin, 2)} − ${fixed(d, 3)})² = ${fixed(loss, 3)}` : words.beyond_margin;
      nodes.push(text(VALUE, 324, words.loss, "title"), text(VALUE, 344, formula));
    } else if (answer.then) nodes.push(text(VALUE, 324, words.loss, "title"), text(VALUE, 344, words[`loss_${name}`] ?? ""));
    if (answer.then?.share != null) {
      nodes.push(text(VALUE, 363, say("share_then", { share: shareText(answer.then.share) }), "small"));
      if (answer.then.step) nodes.push(text(VALUE, 380, say("was_then", { d: fixed(answer.then.d, 3), step: whole(answer.then.step) }), "small"));
    }
    return nodes;
  }

  function back(answer) {
    const what = forceOf(answer);
    if (!what) return [];
    const sentence = text(553, 417, words[`back_${what}`], "bold", "middle");
    if (what === "none") return [sentence];
    return [
      shape("path", { d: "M808 388V412H298V399", class: "thick", "marker-end": "url(#explore-tip-thick)" }),
      shape("rect", { x: 376, y: 401, width: 354, height: 22, class: "card" }),
      sentence,
    ];
  }

  // ---- the distance of the pair since it was opened

  function course({ threshold, margin, scale, same, step }) {
    const [width, height] = [500, 92];
    const { points } = track;
    const [first, last] = [points[0][0], Math.max(points.at(-1)[0], points[0][0] + 1)];
    const x = (s) => ((s - first) / (last - first)) * width;
    const y = (d) => height - 4 - Math.min(1, d / scale) * (height - 8);
    const plot = shape("svg", { class: "course", viewBox: `-6 0 ${width + 90} ${height}`, role: "img", "aria-label": words.course });
    const line = (value, name, label) => {
      plot.append(shape("path", { d: `M0 ${y(value)}H${width}`, class: name }), text(width + 12, y(value) + 4, label, "small"));
    };
    plot.append(shape("path", { d: `M0 ${y(0)}H${width}`, class: "axis" }));
    if (threshold != null) line(threshold, "dash", words.threshold);
    if (margin != null) line(margin, "mark", words.margin);
    const d = points.map(([s, v], k) => `${k ? "L" : "M"}${x(s).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    plot.append(shape("path", { d, class: `ridge ${same ? "same" : "different"}` }));
    if (!same) plot.append(shape("path", { d, class: "ridge inner" }));
    const [s, v] = points.at(-1);
    plot.append(shape("circle", { cx: x(s), cy: y(v), r: 6, class: "dot" }));
    const row = make("div", "course-row");
    row.append(make("p", "lead", words.course), plot, make("span", "number", say("step_number", { step: whole(step) })));
    return row;
  }

  return { show, setFilm: (entries) => (film = entries) };
}
