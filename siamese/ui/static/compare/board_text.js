// A board as text, for a link: every thing is its name and the ink of its drawings. Photographs do not fit in a link.

import { decodeInk, encodeInk, simplify } from "./ink.js";

export const MOST_THINGS = 20;
export const MOST_PICTURES = 3; // of one thing: what a tile shows
export const MOST_NAME = 30; // letters
const MOST_TEXT = 6000; // characters: what chat programs and projectors' QR codes still carry whole

// things: [{ name, pictures: [{ strokes } or { url }] }].  → { text, left_out: pictures that are no drawings }, or null
// where the link would be too long.
export function toText(things) {
  let leftOut = 0;
  const parts = [];
  for (const { name, pictures } of things) {
    const drawn = pictures.filter((picture) => picture.strokes);
    leftOut += pictures.length - drawn.length;
    if (!drawn.length) continue;
    const inks = drawn.map(({ strokes }) => encodeInk(strokes.map((stroke) => simplify(stroke, 0.008))));
    parts.push([encodeURIComponent(name).replaceAll("~", "%7E").replaceAll("!", "%21"), ...inks].join("!"));
  }
  const text = parts.join("~");
  return text.length > MOST_TEXT ? null : { text, leftOut };
}

// Reads what toText wrote, and anything else as an empty board.
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
