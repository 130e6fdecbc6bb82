// A verdict with its doubt, from the share of validation pairs at a distance that are different.

export const WORDS = ["very_same", "probably_same", "unsure", "probably_different", "very_different"];

// same: the verdict by the threshold.  different: the share of different pairs at this distance, or null.
// → { word, sign, same, count, of }: "8 of 10", or from 95 % on "97 of 100", at most 99.
export function verdict(same, different) {
  if (different == null) return { word: same ? "same" : "different", sign: same ? "=" : "≠", same };
  const share = same ? 1 - different : different;
  const fine = share >= 0.95;
  const count = fine ? Math.min(99, Math.round(100 * share)) : Math.round(10 * share);
  const word = share < 0.65 ? "unsure" : `${fine ? "very" : "probably"}_${same ? "same" : "different"}`;
  return { word, sign: share < 0.65 ? "?" : same ? "=" : "≠", same, count, of: fine ? 100 : 10 };
}

// How many of ten squares have the colour of "different".
export const tenths = (different) => Math.max(0, Math.min(10, Math.round(10 * different)));
