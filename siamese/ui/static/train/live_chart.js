// The live view of a run: a RunFeed polls the server, and a LiveView shows the newest snapshot.

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
  const jobToShow = () => props.job ?? null;
  let reportedState = "idle"; // the state of the last job_state event
  let thumbnails = "missing"; // or "loading" or "loaded"

  function draw(glide = feed.glide) {
    view.show({ feed, plan: props.plan, watching: props.watch, overlays: overlays.visible }, glide);
  }

  function adopt() {
    reportedState = "idle";
    thumbnails = "missing";
    frames.clear(feed.job);
    view.reset();
    draw(0);
  }

  function take({ first }) {
    const { run, state, job } = feed;
    if (run && run.frames < view.replay.count) frames.forget();
    if (state !== reportedState) {
      reportedState = state;
      setText(view.announcement, words[`state_${state}`] ?? state);
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
    if (thumbnails === "missing") fetchThumbnails();
  }

  // The slider moved to an earlier validation, or back to the newest one (null).
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

  // A page that opens during a run also fetches its first and its middle frame, to know how far the points once spread.
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
    thumbnails = "loading";
    const answer = await ask("thumbnails", job);
    // Where the pictures do not come, the map shows dots in one colour, and the next frame asks again.
    const loaded = job === feed.job && (await view.loadThumbnails(answer));
    if (job === feed.job) thumbnails = loaded ? "loaded" : "missing";
  }

  watch(["job", "overlays", "plan", "watch"], () => {
    if (jobToShow() === feed.job) draw();
    feed.wake();
  });
  const wake = () => document.visibilityState === "visible" && feed.wake();
  document.addEventListener("visibilitychange", wake, { signal: gone });
  window.addEventListener("online", wake, { signal: gone });
  followTheme(root, gone, () => view.redraw());
  let rateTime = 0;
  onFrameRate((rate) => {
    const now = performance.now();
    if (now - rateTime < 500) return;
    rateTime = now;
    root.dataset.fps = rate.toFixed(0);
  });
  draw(0);
  feed.follow(jobToShow, () => overlays.refresh(props.overlays ?? [], feed.job), gone);
}
