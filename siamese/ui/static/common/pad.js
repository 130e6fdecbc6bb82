// A pad to draw on with a mouse, a pen or a finger. Its picture is black on white, also in the dark theme.

import { button, make } from "./dom.js";

const INK = 0.06; // width of a stroke as a share of the pad's side, close to the pens and fonts of the training images

// words: { pad, undo, clear }, as in picture_input.json.  onStroke: called after a stroke is complete, and after undo and clear;
// onChange: called after every point as well, so that a page can follow the pen.
export function createPad({ words, onStroke = () => {}, onChange = () => {} }) {
  let strokes = []; // each a list of [x, y], from 0 to 1
  let pointer = null; // the pointer that draws; a second finger or a palm is ignored

  const element = make("div", "pad");
  element.innerHTML = '<svg viewBox="0 0 1 1" role="img" tabindex="0"></svg>';
  const paper = element.firstElementChild;
  paper.setAttribute("aria-label", words.pad);
  const row = make("div", "pad-buttons");
  const undoButton = button("", words.undo, undo);
  const clearButton = button("", words.clear, clear);
  row.append(undoButton, clearButton);
  const hint = make("span", "pad-hint", words.draw_here);
  hint.setAttribute("aria-hidden", "true"); // the pad's own name says it
  element.append(row, hint);

  function place(event) {
    const box = paper.getBoundingClientRect();
    const share = (value) => Math.min(1, Math.max(0, value));
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  }

  function addPoint(event) {
    const stroke = strokes.at(-1);
    const [x, y] = place(event);
    const last = stroke.at(-1);
    if (last && Math.hypot(x - last[0], y - last[1]) < 0.003) return;
    stroke.push([x, y]);
  }

  function showLast() {
    paper.lastElementChild.setAttribute("d", strokePath(strokes.at(-1)));
  }

  function showButtons() {
    hint.hidden = strokes.length > 0;
    undoButton.disabled = clearButton.disabled = strokes.length === 0;
  }

  paper.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault(); // do not select text around the pad, and do not drag a picture
    paper.focus({ preventScroll: true });
    pointer = event.pointerId;
    paper.setPointerCapture(pointer);
    strokes.push([]);
    const path = document.createElementNS(paper.namespaceURI, "path");
    path.setAttribute("stroke-width", INK);
    paper.append(path);
    addPoint(event);
    showLast();
    showButtons();
    onChange();
  });
  paper.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) addPoint(each);
    showLast();
    onChange();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    paper.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      onStroke();
      onChange();
    });
  }
  element.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") {
      event.preventDefault();
      undo();
    }
  });

  function undo() {
    if (pointer !== null || strokes.length === 0) return;
    strokes.pop();
    paper.lastElementChild.remove();
    changed();
  }

  function clear() {
    if (strokes.length === 0) return;
    pointer = null;
    strokes = [];
    paper.replaceChildren();
    changed();
  }

  function changed() {
    // A disabled button loses the keyboard focus, so the pad takes it.
    if (strokes.length === 0 && row.contains(document.activeElement)) paper.focus({ preventScroll: true });
    showButtons();
    onStroke();
    onChange();
  }

  // A PNG of size × size pixels as a data URL, made from the strokes and not from the screen.
  function toDataURL(size) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, size, size);
    brush.scale(size, size);
    brush.lineWidth = INK;
    brush.lineCap = brush.lineJoin = "round";
    for (const stroke of strokes) brush.stroke(new Path2D(strokePath(stroke)));
    return canvas.toDataURL("image/png");
  }

  showButtons();
  return {
    element,
    clear,
    undo,
    isEmpty: () => strokes.length === 0,
    strokes: () => strokes.map((stroke) => stroke.map((point) => [...point])),
    toDataURL,
    destroy: () => element.remove(),
  };
}

// Curves through the middle between neighbouring points, which makes round corners. A single point is a dot.
function strokePath(points) {
  const [first, ...rest] = points;
  if (!rest.length) return `M${first}l0.0001 0`;
  let path = `M${first}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i];
    const [nextX, nextY] = points[i + 1];
    path += `Q${x} ${y} ${(x + nextX) / 2} ${(y + nextY) / 2}`;
  }
  return `${path}L${points.at(-1)}`;
}
