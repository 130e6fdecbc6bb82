// Elements of the page. Names can come from anybody, so they enter the page only as text, never as HTML.

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

// Changes nothing where the text is there already, or a screen reader would read it again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
