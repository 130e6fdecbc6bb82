// Take it home: copies links and saves files of the run on screen.

import { button, make } from "../common/dom.js";

export function mount({ root, props, words, say, watch, ask, trigger }) {
  const outcome = make("p", "said");
  outcome.setAttribute("role", "status");
  const choices = make("div", "choices");
  const offer = (what, press) => {
    const node = button("", words[what], press);
    node.dataset.what = what;
    choices.append(node);
  };
  for (const what of ["settings", "watch"]) offer(what, () => trigger("ask_link", { what }));
  for (const kind of ["weights", "script", "png", "svg", "json", "csv"]) offer(kind, () => save(kind));
  root.replaceChildren(choices, outcome);

  async function save(kind) {
    outcome.textContent = props.job ? "" : words.norun;
    if (!props.job) return;
    const file = await ask("download", props.job, kind);
    if (file && !file.error) saveAs(file.name, file.type, file.base64);
    if (!file) outcome.textContent = words.offline;
    else outcome.textContent = file.error ? file.error : say("saved", { name: file.name });
  }

  let lastNumber = props.link?.number ?? 0; // of the last link that was copied
  watch("link", async () => {
    const { link } = props;
    if (!link || link.number === lastNumber) return;
    lastNumber = link.number;
    if (!link.query) {
      outcome.textContent = words.norun;
      return;
    }
    const address = `${location.origin}${location.pathname}?${link.query}`;
    root.dataset.link = address;
    if (link.what === "settings") window.history.replaceState(null, "", `?${link.query}`);
    await copy(address);
    outcome.textContent = say("copied", { link: address });
  });
}

function saveAs(name, type, base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page served to a room without https has no clipboard; the old way still works there.
    const area = make("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
