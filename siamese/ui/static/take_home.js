// Copies links and saves files of the run on screen.
const root = element.querySelector(".take-home") || element;
const list = make("div", "choices");
const said = make("p", "said");
said.setAttribute("role", "status");
root.append(list, said);

function button(name, press) {
  const node = make("button", "", words[name]);
  node.type = "button";
  node.dataset.what = name;
  node.onclick = press;
  list.append(node);
}

for (const what of ["settings", "watch"]) button(what, () => trigger("ask_link", { what }));
for (const kind of ["weights", "script", "png", "svg", "json", "csv"]) button(kind, () => save(kind));

async function save(kind) {
  if (!props.job) return void (said.textContent = words.norun);
  const file = await server.download(props.job, kind);
  if (!file) return void (said.textContent = words.offline);
  if (file.error) return void (said.textContent = file.error);
  const bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: file.type }));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  said.textContent = say("saved", { name: file.name });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page served to a room without https has no clipboard; the old way still works there.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

let number = props.link ? props.link.number : 0;
watch("link", () => {
  const answer = props.link;
  if (!answer || answer.number === number) return;
  number = answer.number;
  if (!answer.query) return void (said.textContent = words.norun);
  const link = `${location.origin}${location.pathname}?${answer.query}`;
  root.dataset.link = link;
  if (answer.what === "settings") history.replaceState(null, "", `?${answer.query}`);
  copy(link).then(() => (said.textContent = say("copied", { link })));
});
