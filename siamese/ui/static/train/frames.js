// Frames: fetches each earlier validation of a run from the server once.

export class Frames {
  constructor(ask) {
    this.ask = ask;
    this.clear(null);
  }
  clear(job) {
    [this.job, this.frames, this.target, this.fetching] = [job, new Map(), null, false];
  }
  keep(frame) {
    this.frames.set(frame.index, frame);
  }
  // A long run drops some of its frames; then every index stands for another frame.
  forget() {
    this.frames.clear();
  }
  // The frame with this index; undefined where the server does not answer, or another run is on screen meanwhile.
  async fetch(index) {
    if (this.frames.has(index)) return this.frames.get(index);
    const { job } = this;
    const frame = await this.ask("frame", job, index);
    if (job !== this.job || !frame?.edges) return undefined;
    this.keep(frame);
    return frame;
  }
  // Fetches and shows the frame of the newest call. Calls during a request replace each other. null: none.
  async want(index, show) {
    this.target = index;
    if (this.fetching || index === null) return;
    this.fetching = true;
    const { job } = this;
    while (this.target !== null) {
      const at = this.target;
      const frame = await this.fetch(at);
      if (job !== this.job) return;
      if (!frame || this.target === null) break;
      show(frame);
      if (this.target === at) break;
    }
    this.fetching = false;
  }
}
