// The parts of the page's script that need no page: numbers, ticks, series and tweens.

import assert from "node:assert/strict";
import { test } from "node:test";

const common = new URL("../../../siamese/ui/static/common/", import.meta.url);
const load = (name) => import(new URL(name, common));
const { clock, fixed, percent, short, whole } = await load("numbers.js");
const { linearTicks, logTicks, niceStep } = await load("ticks.js");
const { nearest, quantile, rebin, shares, smooth, valueAt } = await load("series.js");
const { gentle, steady, Tween } = await load("tween.js");
const { speak } = await load("language.js");

const close = (actual, expected) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) < 1e-9, `${actual} is not ${expected}`));
};

test("numbers keep their significant digits, however small", () => {
  const expected = new Map([
    [0, "0.0000"],
    [3e-6, "3.0e-6"],
    [0.0123, "0.0123"],
    [0.345, "0.345"],
    [1.2345, "1.23"],
    [45.67, "45.7"],
    [1234.5, "1,235"],
    [-2.5e7, "-2.5e7"],
    [NaN, "–"],
    [null, "–"],
  ]);
  for (const [value, text] of expected) assert.equal(short(value), text);
});

test("shares, counts and times", () => {
  assert.equal(percent(0.5), "50.0\u00a0%");
  assert.equal(percent(0.123, 0), "12\u00a0%");
  assert.equal(percent(null), "–");
  assert.equal(whole(12345.6), "12,346");
  assert.equal(fixed(2, 2), "2.00");
  assert.equal(clock(65), "1:05");
  assert.equal(clock(7265), "2:01:05");
  assert.equal(clock(-3), "0:00");
  assert.equal(clock(Infinity), "–");
});

test("a step is 1, 2 or 5 times a power of ten, and cuts the span into no more parts than asked", () => {
  for (let k = -60; k < 60; k++) {
    const span = 1.37 ** k;
    for (const count of [1, 3, 7.5]) {
      const step = niceStep(span, count);
      const digit = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
      assert.ok([1, 2, 5, 10].some((nice) => Math.abs(digit - nice) < 1e-6), `${step}`);
      assert.ok(span / step <= Math.max(1, count) * 1.002, `${span} / ${step} > ${count}`);
    }
  }
});

test("linear ticks lie within the axis, evenly, and their texts differ", () => {
  for (const [low, high] of [
    [0, 1],
    [0, 1e-6],
    [0.3, 0.31],
    [-2, 5],
    [0, 3e8],
  ]) {
    const ticks = linearTicks(low, high, 6);
    assert.ok(ticks.length >= 2 && ticks.length <= 8, `${low} to ${high}: ${ticks.length}`);
    assert.ok(ticks.every(({ at }) => at >= low - 1e-9 * (high - low) && at <= high + 1e-3 * (high - low)));
    assert.equal(new Set(ticks.map(({ text }) => text)).size, ticks.length);
  }
  assert.deepEqual(linearTicks(1, 1, 5), []);
  assert.deepEqual(linearTicks(0, 3, 10, 1).map(({ text }) => text), ["0", "1", "2", "3"]);
});

test("log ticks are powers of ten, with 2 and 5 between where there is room", () => {
  assert.deepEqual(logTicks(-2, 0, 4).map(({ text }) => text), ["0.01", "0.1", "1"]);
  assert.deepEqual(logTicks(0, 1, 6).map(({ text }) => text), ["1", "2", "5", "10"]);
  assert.deepEqual(logTicks(-6, -4, 3).map(({ text }) => text), ["1e-6", "1e-5", "1e-4"]);
});

test("smoothing keeps what is straight and leaves gaps open", () => {
  const line = Array.from({ length: 100 }, (_, k) => 3 - 0.1 * k);
  smooth(line).slice(10, -10).forEach((value, k) => assert.ok(Math.abs(value - line[k + 10]) < 1e-9));
  assert.deepEqual(smooth([5]), [5]);
  assert.deepEqual(smooth([]), []);
  const gap = smooth([1, null, 1]);
  assert.equal(gap[1], null);
  assert.equal(gap[0], 1);
});

test("quantiles, nearest points and values between points", () => {
  assert.equal(quantile([4, null, 1, 3, 2], 0.5), 3);
  assert.equal(quantile([], 0.5), null);
  assert.equal(nearest([0, 10, 20], 14), 1);
  assert.equal(nearest([], 1), -1);
  assert.equal(valueAt([0, 10], [1, 3], 5), 2);
  assert.equal(valueAt([0, 10], [1, 3], 50), 3);
  assert.equal(valueAt([0, 10], [1, 3], -5), 1);
});

test("shares sum to one, or are zero", () => {
  close(shares([1, 3]), [0.25, 0.75]);
  close(shares([0, 0]), [0, 0]);
});

test("counting into other bins loses nothing and agrees with a count by hand", () => {
  close(rebin([0, 1, 2], [4, 6], [0, 2, 4]), [10, 0]);
  close(rebin([0, 2], [8], [0, 1, 2, 3]), [4, 4, 0]);
  close(rebin([0.5, 1.5], [8], [0, 1, 2]), [4, 4]);
  // A histogram of one point: all of it in the bin that holds the point.
  close(rebin([0, 0, 0], [3, 4], [0, 1, 2]), [7, 0]);
  // What lies beyond the ends counts in the bin there.
  close(rebin([-2, -1, 5, 6], [1, 0, 2], [0, 1, 2]), [1, 2]);
  const edges = Array.from({ length: 41 }, (_, k) => k * 1e-7);
  const bins = rebin(edges, new Array(40).fill(0.025), Array.from({ length: 41 }, (_, k) => k / 40));
  close([bins[0], bins.slice(1).reduce((a, b) => a + b)], [1, 0]);
});

test("a tween starts where it was, ends where it should, and jumps to a list of another length", () => {
  const tween = new Tween(2);
  tween.go(4, 100, steady, 1000);
  assert.equal(tween.at(1000), 2);
  assert.equal(tween.at(1050), 3);
  assert.ok(tween.moving(1099) && !tween.moving(1100));
  assert.equal(tween.at(1100), 4);
  assert.equal(tween.at(Infinity), 4);
  tween.jump([0, 0]);
  tween.go([1, 2], 100, steady, 0);
  close(tween.at(25), [0.25, 0.5]);
  tween.go([1, 2, 3], 100, steady, 50);
  close(tween.at(50), [1, 2, 3]);
  assert.deepEqual([gentle(0), gentle(0.5), gentle(1)], [0, 0.5, 1]);
});

test("sentences are filled in with their values", () => {
  const { words, say } = speak({ en: { a: "{n} of {m}", b: "plain" }, zh: { a: "", b: "" } });
  assert.equal(say("a", { n: 1, m: "<b>" }), "1 of <b>");
  assert.equal(words.b, "plain");
});
