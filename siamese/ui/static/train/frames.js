// Frames: the earlier validations of a run, each fetched from the server once.

export class Frames {
  constructor(ask) {
    this.ask = ask;
    this.clear(null);
  }
  clear(job) {
    [this.job, this.frames, this.wanted, this.fetching] = [job, new Map(), null, false];
  }
  keep(frame) {
    this.frames.set(frame.index, frame);
  }
  // A run that went on for long drops some of its frames, and then every place means another one.
  forget() {
    this.frames.clear();
  }
  // The frame at a place of the run; undefined where the server does not answer or another run is on screen by then.
  async fetch(index) {
    if (this.frames.has(index)) return this.frames.get(index);
    const { job } = this;
    const frame = await this.ask("frame", job, index);
    if (job !== this.job || !frame?.edges) return undefined;
    this.keep(frame);
    return frame;
  }
  // Shows the frame wanted last: while one is on its way, those asked for in between are left out. null wants none.
  async want(index, show) {
    this.wanted = index;
    if (this.fetching || index === null) return;
    this.fetching = true;
    const { job } = this;
    while (this.wanted !== null) {
      const at = this.wanted;
      const frame = await this.fetch(at);
      if (job !== this.job) return;
      if (!frame || this.wanted === null) break;
      show(frame);
      if (this.wanted === at) break;
    }
    this.fetching = false;
  }
}
