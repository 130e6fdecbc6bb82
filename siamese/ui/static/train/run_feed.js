// RunFeed: polls the server for the newest snapshot of the run on screen.

import { LONGEST, pause, rhythm } from "./pace.js";

const RHYTHM = rhythm(globalThis.location?.hostname ?? "");

export class RunFeed {
  // onAdopt(): called for another run on screen.  onChange({ first }): called for a new snapshot or connection state.
  constructor(ask, { onAdopt, onChange }) {
    Object.assign(this, { ask, onAdopt, onChange, wake: () => {} });
    this.clear(null);
  }
  // job: the run's key.  run: its newest snapshot, or null.  state: of the run; "idle" without a run; "gone" where the
  // server no longer has it.  retry: the wait before the next request after a failure; null while the server answers.
  clear(job) {
    Object.assign(this, { job, run: null, version: -1, state: "idle", retry: null, since: performance.now() });
  }
  get up() {
    return this.retry === null;
  }
  // How many milliseconds the end of a curve may glide to the newest point: until the next snapshot comes.
  get glide() {
    return this.state === "running" ? RHYTHM.base : 250;
  }
  // jobToShow(): the key of the run to follow, or null.  beside(): called after each request; returns whether to
  // ask again soon.
  async follow(jobToShow, beside, gone) {
    gone.addEventListener("abort", () => this.wake());
    while (!gone.aborted) {
      if (jobToShow() !== this.job) {
        this.clear(jobToShow());
        this.onAdopt();
      }
      if (this.job && this.state !== "gone") {
        const answer = await this.ask("poll", this.job, this.version);
        if (jobToShow() !== this.job) continue;
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
    else if (answer.unchanged) {
      // These can change while the run itself does not.
      const { place, sharing, on_hold } = answer;
      const { run } = this;
      const hasChanged = run && (place !== run.place || sharing !== run.sharing || on_hold !== run.on_hold);
      if (!hasChanged && wasUp) return;
      if (hasChanged) this.run = { ...run, place, sharing, on_hold };
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
