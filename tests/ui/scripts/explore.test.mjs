// The Explore tab without a page: errors counted at a threshold, the ROC, links and the order of a guessing game.

import assert from "node:assert/strict";
import { test } from "node:test";

const explore = new URL("../../../siamese/ui/static/explore/", import.meta.url);
const load = (name) => import(new URL(name, explore));
const { below, count, decode, histogram, roc } = await load("counting.js");
const { linkTo, readLink } = await load("link.js");
const { shuffled } = await load("wall.js");
const { shortName } = await load("cards.js");

const random = (seed) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;

test("counts equal a slow look at every pair, ties included", () => {
  const next = random(3);
  for (let round = 0; round < 50; round++) {
    const draw = () => Float32Array.from({ length: 1 + Math.floor(next() * 30) }, () => Math.floor(next() * 10) / 8).sort();
    const [same, different] = [draw(), draw()];
    for (let threshold = 0; threshold < 1.4; threshold += 1 / 16) {
      const found = [...same].filter((d) => d < threshold).length;
      const letIn = [...different].filter((d) => d < threshold).length;
      assert.equal(below(same, threshold), found);
      const right = (found + different.length - letIn) / (same.length + different.length);
      assert.deepEqual(count(same, different, threshold), { letIn, turnedAway: same.length - found, found, right });
      // Every threshold is a point of the curve.
      const point = [letIn / different.length, found / same.length];
      assert.ok(roc(same, different).some(([a, b]) => a === point[0] && b === point[1]));
    }
    assert.equal(histogram(same, 7, 1).reduce((a, b) => a + b), same.length);
  }
});

test("distances arrive as they were sent", () => {
  const bytes = new Uint8Array(new Float32Array([0.25, 1.5]).buffer);
  assert.deepEqual([...decode(btoa(String.fromCharCode(...bytes)))], [0.25, 1.5]);
});

test("a view comes back from its link", () => {
  const views = ["batch", "triplets", "episode", "errors", "threshold"];
  const address = { origin: "http://here", pathname: "/" };
  const base = { view: "batch", from: "glyphs", size: 12, order: "drawn", seen: true, guess: false, seed: 0, errors: "mistakes", way: 5, shot: 1, set: "validation", t: null, pair: null, before: "batch" };
  const back = (choice, about = null) => readLink(new URL(linkTo(address, choice, about)).search, views);
  assert.deepEqual(back(base), { view: "batch", from: "glyphs" });
  assert.deepEqual(back({ ...base, size: 32, seen: false, guess: true, seed: 7, order: "loss" }), { view: "batch", from: "glyphs", size: 32, order: "loss", seen: false, guess: true, seed: 7 });
  assert.deepEqual(back({ ...base, view: "threshold", t: 0.5 }), { view: "threshold", from: "glyphs", t: 0.5, set: null });
  const inside = { ...base, view: "inside", before: "errors", pair: { at: [3, 9], step: 40 } };
  assert.deepEqual(back(inside), { view: "inside", from: "glyphs", before: "errors", pair: { at: [3, 9], step: 40 } });
  // A link gives the key to watch a run, never the one that controls it.
  const run = { ...base, from: "run:secret" };
  assert.equal(back(run, { kind: "run", watch: "run:watch" }).from, "run:watch");
});

test("a link that cannot be read changes nothing", () => {
  const views = ["batch", "errors"];
  assert.equal(readLink("?data=glyphs", views), null);
  assert.equal(readLink("?explore=elsewhere", views), null);
  assert.deepEqual(readLink("?explore=batch&size=13&seed=-1&order=x&t=NaN", views), { view: "batch" });
  assert.equal(readLink("?explore=inside&pair=x", views).view, "batch");
});

test("a guessing game is shuffled, the same for the same seed", () => {
  const cards = Array.from({ length: 32 }, (_, k) => k);
  assert.deepEqual(shuffled(cards, 5), shuffled(cards, 5));
  assert.notDeepEqual(shuffled(cards, 5), shuffled(cards, 6));
  assert.deepEqual([...shuffled(cards, 5)].sort((a, b) => a - b), cards);
});

test("a class called after a character is shown as the character", () => {
  assert.equal(shortName("GEORGIAN LETTER BAN ბ"), "ბ");
  assert.equal(shortName("person 12"), "person 12");
});
