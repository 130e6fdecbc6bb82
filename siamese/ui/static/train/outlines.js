// Eight outlines, one for each class, so that colour is never the only sign. Each is drawn around (0, 0) with radius r.
export const OUTLINES = [
  (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI),
  (c, r) => c.rect(-r * 0.9, -r * 0.9, r * 1.8, r * 1.8),
  (c, r) => corners(c, r * 1.25, 3, -Math.PI / 2),
  (c, r) => corners(c, r * 1.2, 4, 0),
  (c, r) => corners(c, r * 1.25, 3, Math.PI / 2),
  (c, r) => corners(c, r * 1.15, 5, -Math.PI / 2),
  (c, r) => cross(c, r * 1.15, 0.38),
  (c, r) => corners(c, r * 1.4, 5, -Math.PI / 2, 0.45),
];
function corners(c, r, count, turn, waist = 0) {
  const points = waist ? 2 * count : count;
  for (let k = 0; k < points; k++) {
    const [angle, far] = [turn + (2 * Math.PI * k) / points, waist && k % 2 ? r * waist : r];
    c[k ? "lineTo" : "moveTo"](far * Math.cos(angle), far * Math.sin(angle));
  }
  c.closePath();
}
function cross(c, r, arm) {
  const [a, b] = [r * arm, r];
  const points = [
    [-a, -b],
    [a, -b],
    [a, -a],
    [b, -a],
    [b, a],
    [a, a],
    [a, b],
    [-a, b],
    [-a, a],
    [-b, a],
    [-b, -a],
    [-a, -a],
  ];
  points.forEach(([x, y], k) => c[k ? "lineTo" : "moveTo"](x, y));
  c.closePath();
}
