// How to join: the address and its QR code, beside the runs or on the whole screen. Below them, the waiting runs.

import { button, make, setText } from "../common/dom.js";
import { shape } from "../common/svg.js";

const MARGIN = 4; // white modules around the QR code; phones do not find it without them

export class Join {
  constructor({ words, say }, gone) {
    Object.assign(this, { words, say, qrAddress: "" });
    this.box = make("aside", "side");
    this.panel = make("section", "panel join");
    this.small = this.code(words.larger, () => this.enlarge(true));
    this.address = make("p", "address");
    this.panel.append(
      make("h2", "", words.join),
      make("p", "lead", words.scan),
      this.small,
      this.address,
      button("tool", `⤢ ${words.whole_screen}`, () => this.enlarge(true)),
    );
    this.line = make("section", "panel line");
    this.list = make("ol");
    this.lead = make("p", "lead");
    this.line.append(make("h2", "", words.line), this.lead, this.list);
    this.big = make("div", "big");
    this.large = this.code(words.back, () => this.enlarge(false));
    this.largeAddress = make("p", "address");
    const side = make("div", "words");
    side.append(make("p", "", words.on_phone), this.largeAddress, make("p", "", words.same_wifi), make("p", "", words.nothing));
    this.big.append(this.large, side);
    this.big.hidden = true;
    this.big.addEventListener("click", () => this.enlarge(false));
    window.addEventListener("keydown", ({ key }) => key === "Escape" && this.enlarge(false), { signal: gone });
    this.box.append(this.panel, this.line, this.big);
  }
  code(label, press) {
    const node = button("qr", null, press);
    node.setAttribute("aria-label", label);
    return node;
  }
  enlarge(on) {
    if (this.big.hidden !== on) return;
    this.big.hidden = !on;
    (on ? this.large : this.small).focus();
  }
  show({ address, qr, line, jobs }) {
    const shortAddress = address.replace(/^https?:../, ""); // people type it, and the browser adds the beginning
    setText(this.address, shortAddress);
    setText(this.largeAddress, shortAddress);
    if (this.qrAddress !== address && qr.length) {
      this.qrAddress = address;
      this.small.replaceChildren(drawing(qr));
      this.large.replaceChildren(drawing(qr));
    }
    this.panel.hidden = !address;
    this.line.hidden = !line.length;
    setText(this.lead, this.say("line_lead", { jobs }));
    const rows = [...line].sort((a, b) => a.place - b.place).slice(0, 12);
    this.list.replaceChildren(
      ...rows.map((run) => {
        const row = make("li");
        row.append(make("b", "", String(run.place)), make("span", "", run.name || this.words.nameless));
        return row;
      }),
    );
  }
}

function drawing(rows) {
  const size = rows.length + 2 * MARGIN;
  const svg = shape("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
  const dark = (row, y) => [...row].map((cell, x) => (cell === "1" ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : "")).join("");
  svg.append(shape("path", { d: rows.map(dark).join("") }));
  return svg;
}
