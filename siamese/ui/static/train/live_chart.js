// The live view of a run: it follows the run by a RunFeed and shows what the feed has in its panels.

import { setText } from "../common/dom.js";
import { onFrameRate } from "../common/plot.js";
import { followTheme } from "../common/theme.js";
import { Frames } from "./frames.js";
import { LiveView } from "./live_view.js";
import { Overlays } from "./overlays.js";
import { RunFeed } from "./run_feed.js";

export function mount({ root, props, words, say, watch, ask, trigger, gone, language, data: titles }) {
  const view = new LiveView(root, { words, say, titles: titles[language] }, (at) => choose(at));
  const frames = new Frames(ask);
  const overlays = new Overlays(ask, () => draw());
  const feed = new RunFeed(ask, { onAdopt: adopt, onChange: take });
  const wanted = () => props.job ?? null;
  let said = "idle"; // the state that Python has heard of
  let thumbnails = "wanted"; // then "asked", then "here"

  function draw(glide = feed.glide) {
    view.show({ feed, plan: props.plan, watching: props.watch, overlays: overlays.drawn }, glide);
  }

  function adopt() {
    said = "idle";
    thumbnails = "wanted";
    frames.clear(feed.job);
    view.reset();
    draw(0);
  }

  function take({ first }) {
    const { run, state, job } = feed;
    if (run && run.frames < view.replay.count) frames.forget();
    if (state !== said) {
      said = state;
      setText(view.spoken, words[`state_${state}`] ?? state);
      trigger("job_state", { state, job });
    }
    draw(first ? 0 : feed.glide);
    if (run?.frame && view.replay.at === null) showFrame(run.frame);
  }

  function showFrame(frame, glide) {
    const first = !view.frame;
    frames.keep(frame);
    view.showFrame(frame, feed, glide);
    if (first) lookBack();
    if (thumbnails === "wanted") fetchThumbnails();
  }

  // The slider of earlier validations moved to one of them, or back to following the run (null).
  function choose(at) {
    if (at === null) {
      frames.want(null);
      view.mark(null);
      if (feed.run?.frame) showFrame(feed.run.frame, 250);
      return;
    }
    frames.want(at, (frame) => {
      showFrame(frame, 200);
      view.mark(frame.step);
    });
  }

  // A page that joins late looks at the beginning and the middle of the run as well, to know how far it once spread.
  async function lookBack() {
    const { job, run } = feed;
    for (const index of new Set([0, Math.floor(run.frames / 2)])) {
      const frame = await frames.fetch(index);
      if (job !== feed.job || !frame) return;
      view.widen(frame);
    }
  }

  async function fetchThumbnails() {
    const { job } = feed;
    thumbnails = "asked";
    const answer = await ask("thumbnails", job);
    // Dots in one colour do until the pictures can be had: the next frame asks again.
    const loaded = job === feed.job && (await view.loadThumbnails(answer));
    if (job === feed.job) thumbnails = loaded ? "here" : "wanted";
  }

  watch(["job", "overlays", "plan", "watch"], () => {
    if (wanted() === feed.job) draw();
    feed.wake();
  });
  const wake = () => document.visibilityState === "visible" && feed.wake();
  document.addEventListener("visibilitychange", wake, { signal: gone });
  window.addEventListener("online", wake, { signal: gone });
  followTheme(root, gone, () => view.redraw());
  let rated = 0;
  onFrameRate((rate) => {
    const now = performance.now();
    if (now - rated < 500) return;
    rated = now;
    root.dataset.fps = rate.toFixed(0);
  });
  draw(0);
  feed.follow(wanted, () => overlays.refresh(props.overlays ?? [], feed.job), gone);
}
