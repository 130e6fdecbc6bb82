// The live view without a page: when it asks the server, what it fetches, and where the hills of distances lie.

import assert from "node:assert/strict";
import { test } from "node:test";

const train = new URL("../../../siamese/ui/static/train/", import.meta.url);
const load = (name) => import(new URL(name, train));
const { isOver, pause, rhythm, HIDDEN, LONGEST } = await load("pace.js");
const { Frames } = await load("frames.js");
const { isCollapsed, hills } = await load("distance_plot.js");

const NEAR = rhythm("127.0.0.1");
const RUNNING = { visible: true, retry: null, job: "a", state: "running", age: 60_000, points: 9, speed: null, overlays: false };

test("a page asks once a second, and less where it need not", () => {
  assert.equal(pause(RUNNING, NEAR), 1000);
  assert.equal(pause(RUNNING, rhythm("somebody-siamese.hf.space")), 3500);
  assert.equal(pause({ ...RUNNING, points: 0 }, NEAR), 250);
  assert.equal(pause({ ...RUNNING, state: "paused" }, NEAR), 500);
  assert.equal(pause({ ...RUNNING, speed: 1 }, NEAR), 500);
  assert.equal(pause({ ...RUNNING, speed: 100 }, NEAR), 1000);
  assert.equal(pause({ ...RUNNING, state: "waiting", age: 100 }, NEAR), 250);
  assert.equal(pause({ ...RUNNING, state: "done" }, NEAR), LONGEST);
  assert.equal(pause({ ...RUNNING, visible: false }, NEAR), HIDDEN);
  assert.equal(pause({ ...RUNNING, retry: 4000 }, NEAR), 4000);
  assert.equal(pause({ ...RUNNING, job: null }, NEAR), 60_000);
  assert.equal(pause({ ...RUNNING, job: null, overlays: true }, NEAR), 5000);
  assert.deepEqual(["running", "paused", "done", "stopped", "failed", "gone"].map(isOver), [false, false, true, true, true, true]);
});

test("frames are fetched once, one at a time, and only the one wanted last is shown", async () => {
  const asked = [];
  const answers = [];
  const frames = new Frames((name, job, index) => {
    asked.push(index);
    return new Promise((resolve) => answers.push(() => resolve({ index, edges: [0, 1], job })));
  });
  frames.clear("a");
  const shown = [];
  const done = frames.want(1, (frame) => shown.push(frame.index));
  frames.want(2, (frame) => shown.push(frame.index));
  frames.want(3, (frame) => shown.push(frame.index));
  answers[0]();
  await new Promise((resolve) => setTimeout(resolve));
  answers[1]();
  await done;
  assert.deepEqual(asked, [1, 3]);
  assert.equal(shown.at(-1), 3);
  assert.equal((await frames.fetch(3)).index, 3);
  assert.deepEqual(asked, [1, 3]);
});

test("a frame that comes after another run is on screen is dropped", async () => {
  let answer;
  const frames = new Frames(() => new Promise((resolve) => (answer = resolve)));
  frames.clear("a");
  const late = frames.fetch(0);
  frames.clear("b");
  answer({ index: 0, edges: [0, 1] });
  assert.equal(await late, undefined);
});

const frame = (upper, same, different) => {
  const edges = same.map((_, k) => (upper * k) / same.length);
  return { edges: [...edges, upper], same, different, threshold: upper / 2 };
};

test("the two hills of a collapse lie on one point of the first validation's axis", () => {
  const healthy = hills(frame(2, [0.9, 0.1, 0, 0], [0, 0, 0.5, 0.5]), 2);
  assert.deepEqual(healthy.edges, [0, 0.5, 1, 1.5, 2]);
  assert.deepEqual(healthy.same, [0.9, 0.1, 0, 0]);
  for (const upper of [1e-3, 1e-7, 0]) {
    const collapsed = hills(frame(upper, [0.2, 0.3, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25]), 2);
    assert.deepEqual(collapsed.edges, [0, 0.5, 1, 1.5, 2]);
    for (const hill of [collapsed.same, collapsed.different]) {
      assert.ok(Math.abs(hill[0] - 1) < 1e-9 && Math.abs(hill[1] + hill[2] + hill[3]) < 1e-9);
    }
    assert.ok(collapsed.peak > 1 && isCollapsed(collapsed) && !isCollapsed(healthy));
  }
});

test("an axis that outgrows the first validation's is the frame's own", () => {
  assert.deepEqual(hills(frame(8, [1, 0], [0, 1]), 2).edges, [0, 4, 8]);
});

test("a spike is cut so that the other hill can be seen, and an empty histogram has a height", () => {
  const { peak } = hills(frame(2, [1, 0, 0, 0], [0, 0.2, 0.4, 0.4]), 2);
  assert.ok(Math.abs(peak - 1.06 * 2.5 * 0.4) < 1e-9);
  assert.equal(hills(frame(2, [0, 0], [0, 0]), 2).peak, 1);
});
