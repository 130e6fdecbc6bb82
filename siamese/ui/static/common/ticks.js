// The ticks of an axis, as lists of { at, text }.

import { fixed } from "./numbers.js";

// The smallest step of 1, 2 or 5 times a power of ten that divides the span into at most `count` parts.
export function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10);
}

// least: the smallest step allowed, such as 1 for whole numbers.
export function linearTicks(low, high, count, least = 0) {
  if (!(high > low)) return [];
  const step = Math.max(least, niceStep(high - low, count));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-6; k++) {
    const at = k * step || 0;
    ticks.push({ at, text: digits > 5 || high >= 1e7 ? power(at) : fixed(at, digits) });
  }
  return ticks;
}

// 0.0000012 → "1.2e-6"
const power = (value) =>
  value
    .toExponential()
    .replace(/(\.\d)\d+/, "$1")
    .replace("e+", "e");

// Powers of ten, with 2 and 5 between them where there is room. low, high and `at` are logarithms to base 10.
export function logTicks(low, high, count) {
  const factors = high - low < count / 3 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil((high - low) / count));
  const ticks = [];
  for (let exponent = Math.floor(low); exponent <= Math.ceil(high); exponent++) {
    if (exponent % stride) continue;
    for (const factor of factors) {
      const at = Math.log10(factor) + exponent;
      if (at < low || at > high) continue;
      const far = exponent < -3 || exponent > 4;
      ticks.push({ at, text: far ? `${factor}e${exponent}` : fixed(factor * 10 ** exponent, Math.max(0, -exponent)) });
    }
  }
  return ticks;
}
