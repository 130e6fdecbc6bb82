// Shows one notice at a time: a fault or an explanation, and what to try.

import { make, setText } from "../common/dom.js";
import { inLanguage } from "../common/language.js";
import { whole } from "../common/numbers.js";

const SIGNS = { collapse: "▲", diverged: "✕", satisfied: "✓" };

export class Notice {
  constructor({ words, say }) {
    Object.assign(this, { words, sentence: say });
    this.section = make("section", "notice");
    this.section.setAttribute("role", "status");
    this.sign = make("i", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    [this.title, this.text] = [make("b"), make("span")];
    const body = make("p");
    body.append(this.title, " ", this.text);
    this.section.append(this.sign, body);
    this.section.hidden = true;
  }
  // watching: this browser may watch the run, but not control it.  fault: what does not work on the server, or null.
  show(state, run, { watching, fault }) {
    const kind = run?.diagnosis?.kind;
    if (state === "failed" && kind !== "diverged")
      this.put("failed", "✕", this.words.failed_title, run?.error ? inLanguage(run.error) : this.words.failed_text);
    else if (state === "gone")
      this.put("gone", "?", this.words.gone_title, watching ? this.words.gone_watched : this.words.gone_text);
    else if (run?.note && this.words[`note_${run.note}_title`]) {
      const values = { step: whole(run.step), wait: run.note_wait ?? "" };
      const text = run.note_wait ? `note_${run.note}_wait` : `note_${run.note}_text`;
      this.put("note", "■", this.sentence(`note_${run.note}_title`, values), this.sentence(text, values));
    } else if (kind && this.words[`${kind}_title`]) {
      const values = { step: whole(run.diagnosis.step), name: run.loss?.collapse_name ?? "" };
      this.put(kind, SIGNS[kind], this.sentence(`${kind}_title`, values), this.sentence(`${kind}_text`, values));
    } else if (fault) this.put("fault", "▲", "", inLanguage(fault));
    else this.section.hidden = true;
  }
  put(kind, sign, title, text) {
    this.section.className = `notice ${kind}`;
    this.section.hidden = false;
    setText(this.sign, sign);
    setText(this.title, title);
    setText(this.text, text);
  }
}
