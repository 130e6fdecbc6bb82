// Functions on lists of numbers: smoothing, searching, interpolation, histograms. A missing value is null.

// The weighted mean of each value and its neighbours; near ones have more weight. The curve is not shifted sideways.
export function smooth(values) {
  const reach = Math.max(1, Math.round(values.length / 24));
  return values.map((value, i) => {
    if (value == null) return null;
    let [sum, weight] = [0, 0];
    for (let k = Math.max(0, i - reach); k <= Math.min(values.length - 1, i + reach); k++) {
      if (values[k] == null) continue;
      const share = reach + 1 - Math.abs(k - i);
      sum += share * values[k];
      weight += share;
    }
    return sum / weight;
  });
}

// The value below which a share of the values lies; null of an empty list.
export function quantile(values, share) {
  const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null;
}

// The index of the number nearest to x; -1 of an empty list.
export function nearest(xs, x) {
  let best = 0;
  for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
  return xs.length ? best : -1;
}

// The height at x of the line through the points (xs ascending); beyond its ends, that of the end.
export function valueAt(xs, ys, x) {
  const next = xs.findIndex((value) => value >= x);
  if (next < 0) return ys.at(-1);
  if (next === 0 || ys[next] == null || ys[next - 1] == null) return ys[next];
  return ys[next - 1] + ((ys[next] - ys[next - 1]) * (x - xs[next - 1])) / (xs[next] - xs[next - 1]);
}

// Values as shares of their sum; all zero where the sum is.
export function shares(values) {
  const total = values.reduce((sum, value) => sum + value, 0) || 1;
  return values.map((value) => value / total);
}

// A histogram with other bins: each old bin is spread evenly over its width. `edges` and `target` ascend and have one
// number more than there are bins. Old bins beyond the target's ends count in its first or last bin.
export function rebin(edges, counts, target) {
  const bins = new Array(target.length - 1).fill(0);
  const place = (x) => {
    const next = target.findIndex((edge) => edge > x) - 1;
    return next === -2 ? bins.length - 1 : Math.max(0, next);
  };
  counts.forEach((count, k) => {
    const [low, high] = [edges[k], edges[k + 1]];
    const [first, last] = [place(low), place(high)];
    if (!(high > low) || first === last) {
      bins[first] += count;
      return;
    }
    for (let bin = first; bin <= last; bin++) {
      const from = bin === first ? low : target[bin];
      const to = bin === last ? high : target[bin + 1];
      bins[bin] += (count * Math.max(0, to - from)) / (high - low);
    }
  });
  return bins;
}
