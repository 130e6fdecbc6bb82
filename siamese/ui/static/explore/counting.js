// Counts the errors of any threshold in the page. The server sends the sorted distances once.

// base64 of little-endian float32 → Float32Array
export function decode(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// How many of rising values lie below a threshold.
export function below(values, threshold) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

// letIn: different pairs called same; turnedAway: same pairs called different; right: share of all pairs judged right.
export function count(same, different, threshold) {
  const letIn = below(different, threshold);
  const found = below(same, threshold);
  const right = (found + different.length - letIn) / (same.length + different.length);
  return { letIn, turnedAway: same.length - found, found, right };
}

// Points [share of different pairs let in, share of same pairs found] of every threshold.
export function roc(same, different) {
  const points = [[0, 0]];
  let [i, j] = [0, 0];
  while (i < same.length || j < different.length) {
    const value = Math.min(same[i] ?? Infinity, different[j] ?? Infinity);
    while (same[i] === value) i++;
    while (different[j] === value) j++;
    points.push([j / different.length, i / same.length]);
  }
  return points;
}

// Counts rising values in `bins` equal bins from 0 to `end`. Values beyond the end count in the last bin.
export function histogram(values, bins, end) {
  const counts = Array(bins).fill(0);
  for (const value of values) counts[Math.max(0, Math.min(bins - 1, Math.floor((value / end) * bins)))]++;
  return counts;
}
