// Numbers as text for people, in the page's language.

import { language } from "./language.js";

export const NONE = "–";

export const fixed = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const whole = (value) => (value == null ? NONE : Math.round(value).toLocaleString(language));

// 0.5 → "50.0 %"
export const percent = (share, digits = 1) => (share == null ? NONE : fixed(100 * share, digits) + "\u00a0%");

// About three significant digits: "0.0123", "1.23", "12.3", "123". Very large and small numbers: "3.0e-6".
export function short(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1).replace("e+", "e");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

// Seconds → "1:05" or "2:01:05".
export function clock(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  const total = Math.max(0, Math.round(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}
