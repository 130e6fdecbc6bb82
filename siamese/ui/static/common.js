// What every widget shares: the browser's language, its words, and elements filled with text.

const language = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
const words = TEXTS[language];
const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

// Names of classes, data sets and runs come from anywhere, so text only ever enters the page as text.
function make(tag, className = "", text = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
}
