// RunFeed: what the server says of the run on screen, asked for again and again.

import { LONGEST, pause, rhythm } from "./pace.js";

const RHYTHM = rhythm(globalThis.location?.hostname ?? "");

export class RunFeed {
  // onAdopt(): another run is on screen.  onChange({ first }): its snapshot, or the connection, changed.
  constructor(ask, { onAdopt, onChange }) {
    Object.assign(this, { ask, onAdopt, onChange, wake: () => {} });
    this.clear(null);
  }
  // job: the run's key.  run: its newest snapshot, or null.  state: that of the run, "idle" without one, "gone" where the
  // server has it no more.  retry: null while the server answers.
  clear(job) {
    Object.assign(this, { job, run: null, version: -1, state: "idle", retry: null, since: performance.now() });
  }
  get up() {
    return this.retry === null;
  }
  // How long a curve's end may glide towards the newest point: until the next snapshot is due.
  get glide() {
    return this.state === "running" ? RHYTHM.base : 250;
  }
  // wanted(): the key of the run to follow, or null.  beside(): asked after each round; returns whether to ask again soon.
  async follow(wanted, beside, gone) {
    gone.addEventListener("abort", () => this.wake());
    while (!gone.aborted) {
      if (wanted() !== this.job) {
        this.clear(wanted());
        this.onAdopt();
      }
      if (this.job && this.state !== "gone") {
        const answer = await this.ask("poll", this.job, this.version);
        if (wanted() !== this.job) continue;
        this.take(answer);
      }
      const overlays = await beside();
      await this.sleep(overlays);
    }
  }
  take(answer) {
    const wasUp = this.up;
    if (!answer) {
      this.retry = wasUp ? RHYTHM.base : Math.min(2 * this.retry, LONGEST);
      this.onChange({ first: false });
      return;
    }
    this.retry = null;
    if (answer.gone) this.state = "gone";
    else if (answer.same) {
      // These can change without anything happening to the run.
      const { place, sharing, held } = answer;
      const { run } = this;
      const moved = run && (place !== run.place || sharing !== run.sharing || held !== run.held);
      if (!moved && wasUp) return;
      if (moved) this.run = { ...run, place, sharing, held };
    } else {
      const first = !this.run;
      Object.assign(this, { run: answer, version: answer.v, state: answer.state });
      this.onChange({ first });
      return;
    }
    this.onChange({ first: false });
  }
  sleep(overlays) {
    const { retry, job, state, run } = this;
    const visible = document.visibilityState === "visible";
    const [age, points] = [performance.now() - this.since, run?.loss.value.length ?? 0];
    const speed = run?.speed ?? null;
    const length = pause({ visible, retry, job, state, age, points, speed, overlays }, RHYTHM);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, length);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
