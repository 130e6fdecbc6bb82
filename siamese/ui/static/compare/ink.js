// Drawings as text: strokes with a point between them, each base64url of two bytes x, y for every point.

const LEAST = 0.004; // share of the pad; points nearer to the line between their neighbours are left out

// strokes: lists of [x, y] from 0 to 1.
export function encodeInk(strokes) {
  return strokes.map((stroke) => toBase64(stroke.flatMap(([x, y]) => [byte(x), byte(y)]))).join(".");
}

export function decodeInk(text) {
  if (!text) return [];
  return text.split(".").map((part) => {
    const bytes = fromBase64(part);
    const points = [];
    for (let i = 0; i + 1 < bytes.length; i += 2) points.push([bytes[i] / 255, bytes[i + 1] / 255]);
    return points;
  });
}

// The same stroke with fewer points (Ramer, Douglas and Peucker), to keep a link short.
export function simplify(stroke, least = LEAST) {
  if (stroke.length < 3) return stroke;
  const [first, last] = [stroke[0], stroke.at(-1)];
  let farthest = 0;
  let at = 0;
  for (let i = 1; i < stroke.length - 1; i++) {
    const away = distanceToLine(stroke[i], first, last);
    if (away > farthest) [farthest, at] = [away, i];
  }
  if (farthest <= least) return [first, last];
  return [...simplify(stroke.slice(0, at + 1), least).slice(0, -1), ...simplify(stroke.slice(at), least)];
}

// The path of an SVG of 100 × 100.
export const inkPath = (strokes) =>
  strokes
    .map((stroke) => `M${stroke.map(([x, y]) => `${(100 * x).toFixed(1)} ${(100 * y).toFixed(1)}`).join("L")}${stroke.length === 1 ? "h.1" : ""}`)
    .join("");

// The viewBox around a drawing, in units of inkPath, with a margin. A small drawing is shown large.
export function inkBox(strokes) {
  const points = strokes.flat();
  const [xs, ys] = [points.map(([x]) => 100 * x), points.map(([, y]) => 100 * y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const side = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 20) + 12;
  const [middleX, middleY] = [(left + Math.max(...xs)) / 2, (top + Math.max(...ys)) / 2];
  return `${middleX - side / 2} ${middleY - side / 2} ${side} ${side}`;
}

function distanceToLine([x, y], [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = Math.hypot(dx, dy);
  if (length === 0) return Math.hypot(x - x1, y - y1);
  return Math.abs(dy * (x - x1) - dx * (y - y1)) / length;
}

const byte = (share) => Math.max(0, Math.min(255, Math.round(255 * share)));

function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
