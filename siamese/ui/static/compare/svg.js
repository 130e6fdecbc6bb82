// Parts of an SVG; text enters it as text alone.

// The name of the SVG namespace, which is an address, from the browser itself.
const holder = document.createElement("template");
holder.innerHTML = "<svg></svg>";
const NAMESPACE = holder.content.firstChild.namespaceURI;

export function shape(tag, attributes = {}, text = null) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  return node;
}
