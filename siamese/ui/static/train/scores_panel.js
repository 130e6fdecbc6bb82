// The newest scores, each with the scores of raw pixels and of guessing, and the curves of the scores.

import { make, setText } from "../common/dom.js";
import { fixed, NONE, percent, whole } from "../common/numbers.js";
import { legend, panel } from "../common/panel.js";
import { ScorePlot } from "./score_plot.js";

export class ScoresPanel {
  constructor({ words, say }) {
    Object.assign(this, { words, sentence: say });
    Object.assign(this, panel("scores", this.sentence("scores_title", { unseen: this.words.unseen_images }), this.words.scores_lead));
    const figures = make("dl", "figures");
    this.figures = ["pair_accuracy", "auc", "oneshot"].map((key) => {
      const [box, name, value] = [make("div"), make("dt", "", this.words[`score_${key}`]), make("dd", "value", NONE)];
      const [baseline, chance, protocol] = [make("dd", "soft"), make("dd", "soft"), make("dd", "soft")];
      box.append(name, value, baseline, chance, protocol);
      figures.append(box);
      return { key, name, value, baseline, chance, protocol };
    });
    this.plot = new ScorePlot({ words, say });
    this.legend = legend([
      ["thick", this.words.score_pair_accuracy],
      ["thin", this.words.one_shot],
      ["dashed", this.words.score_auc],
    ]);
    this.section.append(figures, this.plot.box, this.legend);
  }
  show(run, unseen) {
    setText(this.heading, this.sentence("scores_title", { unseen }));
    const scores = run?.scores;
    const text = (key, value) => (key === "auc" ? (value == null ? NONE : fixed(value, 3)) : percent(value));
    const guesses = {
      pair_accuracy: percent(0.5, 0),
      auc: fixed(0.5, 1),
      oneshot: percent(1 / (scores?.way || 20), 0),
    };
    const protocols = scores && {
      pair_accuracy: this.sentence("protocol_pairs", { pairs: whole(scores.pairs) }),
      auc: this.sentence("protocol_auc", { eer: percent(scores.eer) }),
      oneshot: this.sentence(scores.within_group ? "protocol_within" : "protocol_across", { trials: whole(scores.trials) }),
    };
    for (const { key, name, value, baseline, chance, protocol } of this.figures) {
      if (key === "oneshot") setText(name, this.sentence("score_oneshot", { way: scores?.way ?? 20 }));
      setText(value, text(key, scores?.[key]));
      setText(baseline, this.sentence("baseline", { value: text(key, scores?.baseline?.[key]) }));
      setText(chance, this.sentence("chance", { value: guesses[key] }));
      setText(protocol, protocols?.[key] ?? "");
    }
    const values = scores && {
      pairs: percent(scores.pair_accuracy),
      auc: text("auc", scores.auc),
      oneshot: percent(scores.oneshot),
    };
    this.plot.describe(
      values
        ? this.sentence("scores_aria", { ...values, way: scores.way, step: whole(run.validation.step.at(-1)) })
        : this.words.scores_empty,
    );
  }
}
