// Values that glide from one to the next.

const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

export const gentle = (share) => (share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);
export const steady = (share) => share;

// A number, or a list of numbers, that glides to its next value. Times are milliseconds of performance.now().
export class Tween {
  constructor(value) {
    this.jump(value);
  }
  jump(value) {
    this.from = this.to = value;
    this.length = 0;
  }
  // Jumps where it cannot glide: there is no value yet, the list has another length, or the visitor wants no motion.
  go(value, length, ease = gentle, now = performance.now()) {
    const alike = Array.isArray(value) === Array.isArray(this.to) && value?.length === this.to?.length;
    if (!length || this.to == null || value == null || !alike || still?.matches) {
      this.jump(value);
      return;
    }
    [this.from, this.to, this.begin, this.length, this.ease] = [this.at(now), value, now, length, ease];
  }
  moving(now) {
    return this.length > 0 && now < this.begin + this.length;
  }
  at(now) {
    if (!this.moving(now)) return this.to;
    const share = this.ease(Math.max(0, now - this.begin) / this.length);
    const mix = (a, b) => a + (b - a) * share;
    return Array.isArray(this.to) ? this.to.map((b, i) => mix(this.from[i], b)) : mix(this.from, this.to);
  }
}
