// A board as text, for a link: the name and the drawings of every thing. Photographs do not fit into a link.

import { decodeInk, encodeInk, simplify } from "./ink.js";

export const MOST_THINGS = 20;
export const MOST_PICTURES = 3; // of one thing; a tile shows no more
export const MOST_NAME = 30; // letters
const MOST_TEXT = 6000; // characters; chat programs still send so long a link whole

// things: [{ name, pictures: [{ strokes } or { url }] }].  → { text, leftOut: how many photographs }, or null for a link
// that would be too long.
export function toText(things) {
  let leftOut = 0;
  const parts = [];
  for (const { name, pictures } of things) {
    const drawings = pictures.filter((picture) => picture.strokes);
    leftOut += pictures.length - drawings.length;
    if (!drawings.length) continue;
    const inks = drawings.map(({ strokes }) => encodeInk(strokes.map((stroke) => simplify(stroke, 0.008))));
    parts.push([encodeURIComponent(name).replaceAll("~", "%7E").replaceAll("!", "%21"), ...inks].join("!"));
  }
  const text = parts.join("~");
  return text.length > MOST_TEXT ? null : { text, leftOut };
}

// Reads a text of toText. Any other text gives an empty board.
export function fromText(text) {
  try {
    return text
      .split("~")
      .slice(0, MOST_THINGS)
      .map((part) => {
        const [name, ...inks] = part.split("!");
        const pictures = inks.slice(0, MOST_PICTURES).map((ink) => ({ strokes: decodeInk(ink) }));
        return { name: decodeURIComponent(name).slice(0, MOST_NAME), pictures: pictures.filter(({ strokes }) => strokes.length) };
      })
      .filter(({ name, pictures }) => name && pictures.length);
  } catch {
    return [];
  }
}
