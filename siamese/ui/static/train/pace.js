// How often the page polls the server. All times are in milliseconds.

const OVER = ["done", "stopped", "failed", "gone"];

// Whether a run in this state can no longer change.
export const isOver = (state) => OVER.includes(state);

// The times between two requests. Hugging Face refuses a page that polls more often.
export const rhythm = (host) => (host.endsWith(".hf.space") ? { base: 3500, soon: 1000 } : { base: 1000, soon: 250 });

export const HIDDEN = 20_000; // for a page that is not visible
export const LONGEST = 15_000; // for a run that is over, or a server that does not answer
const YOUNG = 5_000; // a run that is on screen for a shorter time may begin or end at any moment

// How long to wait before the next request.
// visible: whether the page is visible.  retry: the wait after a failure, null while the server answers.  job: the
// run's key or null.  age: its time on screen.  points: of its curve.  speed: steps a second in slow motion, else null.
// overlays: whether another run on screen can still change.
export function pause({ visible, retry, job, state, age, points, speed, overlays }, { base, soon }) {
  if (!visible) return HIDDEN;
  if (retry !== null) return retry;
  if (!job || state === "gone") return overlays ? 5000 : 60_000;
  const young = age < YOUNG;
  if (isOver(state)) return young ? base : LONGEST;
  if (state === "waiting") return young ? soon : base;
  if (young || !points) return soon;
  // Single steps: people want to see each of them.
  return state === "paused" || (speed && speed <= 5) ? base / 2 : base;
}
