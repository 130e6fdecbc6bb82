// Light or dark, and larger type for a projector; remembered by this browser.
const chinese = (navigator.language || "en").toLowerCase().startsWith("zh");
const tools = element.querySelector(".page-tools");

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing still switches.
  }
}

function toggle(text, label, isOn, change) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.title = label;
  const show = () => button.setAttribute("aria-pressed", String(isOn()));
  button.onclick = () => {
    change();
    show();
    window.dispatchEvent(new Event("resize"));
  };
  show();
  tools.append(button);
}

const body = document.body;
if (remembered("siamese:projector") === "on") body.classList.add("projector");
const wanted = remembered("siamese:theme");
if (wanted) body.classList.toggle("dark", wanted === "dark");

toggle("A⁺", chinese ? "投影仪：大字体" : "Projector: larger type", () => body.classList.contains("projector"), () => {
  remember("siamese:projector", body.classList.toggle("projector") ? "on" : "off");
});
toggle("◐", chinese ? "深色" : "Dark", () => body.classList.contains("dark"), () => {
  remember("siamese:theme", body.classList.toggle("dark") ? "dark" : "light");
});
