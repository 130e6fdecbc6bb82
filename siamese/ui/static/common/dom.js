// Elements of the page. Names of classes, data sets and runs come from anywhere, so text enters the page only as text.

export function make(tag, className = "", text = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
}

export function button(className, text, press) {
  const node = make("button", className, text);
  node.type = "button";
  node.addEventListener("click", press);
  return node;
}

// Leaves the page alone where the text is there already: a screen reader would read it again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
