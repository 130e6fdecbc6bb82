// The parts of the Compare tab that need no page: ink, boards as text, zips, words that admit doubt, one request at a time.

import assert from "node:assert/strict";
import { test } from "node:test";

const compare = new URL("../../../siamese/ui/static/compare/", import.meta.url);
const load = (name) => import(new URL(name, compare));
const { decodeInk, encodeInk, inkPath, simplify } = await load("ink.js");
const { MOST_PICTURES, MOST_THINGS, fromText, toText } = await load("board_text.js");
const { READY_MADE } = await load("ready_made.js");
const { crc32, zip } = await load("zip.js");
const { tenths, verdict } = await load("verdict.js");
const { newestOnly } = await load("newest.js");

const STROKES = [
  [[0, 0], [0.5, 0.25], [1, 1]],
  [[0.3, 0.7]],
];

test("ink comes back within half a step of the pad's 255", () => {
  const back = decodeInk(encodeInk(STROKES));
  assert.deepEqual(back.map((stroke) => stroke.length), [3, 1]);
  back.flat().forEach(([x, y], i) => {
    const [wantX, wantY] = STROKES.flat()[i];
    assert.ok(Math.abs(x - wantX) <= 0.5 / 255 + 1e-9 && Math.abs(y - wantY) <= 0.5 / 255 + 1e-9);
  });
  assert.deepEqual(decodeInk(""), []);
  assert.match(encodeInk(STROKES), /^[\w.-]+$/);
  assert.equal(inkPath([[[0.5, 0.5]]]), "M50.0 50.0h.1");
});

test("a simplified stroke keeps its ends and its corners and stays near", () => {
  const line = Array.from({ length: 50 }, (_, i) => [i / 49, 0.5]);
  assert.deepEqual(simplify(line), [line[0], line.at(-1)]);
  const corner = [...line, ...Array.from({ length: 50 }, (_, i) => [1, 0.5 + i / 98])];
  assert.equal(simplify(corner).length, 3);
});

test("a board comes back from its text; what is no board is an empty one", () => {
  const things = [
    { name: "star & ~!fish", pictures: [{ strokes: STROKES }, { strokes: STROKES }] },
    { name: "照片", pictures: [{ url: "data:image/png;base64,AA" }, { strokes: STROKES }] },
  ];
  const { text, leftOut } = toText(things);
  assert.equal(leftOut, 1);
  const back = fromText(text);
  assert.deepEqual(back.map(({ name, pictures }) => [name, pictures.length]), [["star & ~!fish", 2], ["照片", 1]]);
  for (const wrong of ["", "~~~", "!!!", "a", "a!%", "%E0%A4%A!AA"]) assert.deepEqual(fromText(wrong), []);
  const many = Array.from({ length: 30 }, (_, i) => `t${i}!${Array(9).fill("AAAA").join("!")}`).join("~");
  const bounded = fromText(many);
  assert.equal(bounded.length, MOST_THINGS);
  assert.ok(bounded.every(({ pictures }) => pictures.length === MOST_PICTURES));
  const wild = Array.from({ length: 9000 }, (_, i) => [(i * 0.37) % 1, (i * 0.61) % 1]);
  assert.equal(toText([{ name: "long", pictures: [{ strokes: [wild] }] }]), null);
});

test("the ready-made board is one in both languages", () => {
  for (const language of ["en", "zh"]) {
    const board = fromText(READY_MADE[language]);
    assert.equal(board.length, 8);
    assert.equal(new Set(board.map(({ name }) => name)).size, 8);
  }
});

test("a zip's checksum and its directory", () => {
  const text = (value) => new TextEncoder().encode(value);
  assert.equal(crc32(text("123456789")), 0xcbf43926);
  const bytes = zip([["a/é.png", text("one")], ["b.png", text("three")]]);
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  assert.equal(view.getUint32(0, true), 0x04034b50);
  assert.equal(view.getUint32(end, true), 0x06054b50);
  assert.equal(view.getUint16(end + 10, true), 2);
  const directory = view.getUint32(end + 16, true);
  assert.equal(view.getUint32(directory, true), 0x02014b50);
  assert.equal(view.getUint32(directory + 16, true), crc32(text("one")));
});

test("words admit doubt, and never say always", () => {
  const word = (same, share) => verdict(same, share).word;
  assert.equal(word(true, 0.01), "very_same");
  assert.equal(word(true, 0.2), "probably_same");
  assert.equal(word(true, 0.45), "unsure");
  assert.equal(word(false, 0.4), "unsure");
  assert.equal(word(false, 0.8), "probably_different");
  assert.equal(word(false, 0.999), "very_different");
  assert.deepEqual([verdict(false, 0.8).count, verdict(false, 0.8).of], [8, 10]);
  assert.deepEqual([verdict(false, 1).count, verdict(false, 1).of], [99, 100]);
  assert.equal(verdict(false, null).word, "different");
  assert.deepEqual([0, 0.26, 1].map(tenths), [0, 3, 10]);
});

test("one request is under way, and only the newest waits", async () => {
  const asked = [];
  const answered = [];
  let release = [];
  const request = newestOnly(
    (value) => (asked.push(value), new Promise((resolve) => release.push(() => resolve(value)))),
    (answer) => answered.push(answer),
  );
  const done = request(1);
  request(2);
  request(3);
  assert.deepEqual(asked, [1]);
  release.shift()();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked, [1, 3]);
  release.shift()();
  await done;
  assert.deepEqual(answered, [1, 3]);
});
