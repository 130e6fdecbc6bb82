// Elements of an SVG. Text enters it only as text.

let space = null; // the namespace, asked of the browser itself

export function shape(tag, attributes = {}, ...children) {
  space ??= Object.assign(document.createElement("div"), { innerHTML: "<svg></svg>" }).firstChild.namespaceURI;
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
