// The dissimilarity of two images: a figure, a verdict, and where it lies on the scale.

import { make } from "../common/dom.js";
import { percent } from "../common/numbers.js";

export function mount({ root, props, words, say, watch }) {
  root.setAttribute("role", "status");

  function scale(result) {
    // The threshold stands in the middle, so that both verdicts have the same room.
    const largest = Math.max(2 * result.threshold, 1.05 * result.dissimilarity, 1e-6);
    const at = (value) => `${Math.min(100, (100 * value) / largest)}%`;
    const bar = make("div", "scale");
    const same = make("i", "zone same");
    same.style.width = at(result.threshold);
    const line = make("i", "line");
    line.style.left = at(result.threshold);
    const needle = make("i", "needle");
    needle.style.left = at(result.dissimilarity);
    bar.append(same, line, needle);
    const ends = make("div", "ends");
    ends.append(make("span", "", words.alike), make("span", "", words.unlike));
    return [bar, ends];
  }

  // Both images, coloured by what hiding each place of them changes.
  function explained(maps) {
    const row = make("div", "maps");
    maps.forEach((uri, side) => {
      const image = make("img");
      image.src = uri;
      image.alt = words[side ? "second_map" : "first_map"];
      row.append(image);
    });
    const legend = make("div", "soft legend");
    for (const kind of ["same", "different"]) {
      const line = make("p");
      line.append(make("i", `swatch ${kind}`), make("span", "", words[`${kind}_map`]));
      legend.append(line);
    }
    row.append(legend);
    return row;
  }

  function draw() {
    const result = props.result;
    const state = !result ? "empty" : result.error ? "error" : result.same ? "same" : "different";
    root.dataset.state = state;
    root.dataset.value = result && !result.error ? result.dissimilarity : "";
    if (state === "empty" || state === "error") {
      root.replaceChildren(make("p", "say", result ? result.error : words.empty));
      return;
    }
    const verdict = make("p", `verdict ${state}`);
    const limit = say(result.same ? "below" : "above", { t: result.threshold.toFixed(4) });
    verdict.append(make("span", "mark", result.same ? "=" : "≠"), make("b", "", words[state]), make("span", "soft", limit));
    const notes = [say("model", result)];
    if (result.accuracy) {
      notes.push(say("accuracy", { a: percent(result.accuracy), u: words[result.unseen] ?? result.unseen }));
    }
    if (result.inverted) notes.push(words.inverted);
    root.replaceChildren(
      make("p", "name", words.dissimilarity),
      make("p", "headline-number", result.dissimilarity.toFixed(4)),
      verdict,
      ...scale(result),
      result.maps ? explained(result.maps) : make("p", "soft notes", notes.join(" ")),
    );
  }

  watch("result", draw);
  draw();
}
