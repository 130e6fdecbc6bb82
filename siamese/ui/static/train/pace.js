// When the page asks the server for news of its run. All times are milliseconds.

const OVER = ["done", "stopped", "failed", "gone"];

// Whether a run in that state can change no more.
export const isOver = (state) => OVER.includes(state);

// The rhythm of questions; Hugging Face refuses a page that asks more often.
export const rhythm = (host) => (host.endsWith(".hf.space") ? { base: 3500, soon: 1000 } : { base: 1000, soon: 250 });

export const HIDDEN = 20_000; // a page that nobody sees
export const LONGEST = 15_000; // a run that is over, or a server that does not answer
const YOUNG = 5_000; // a run that has just come on screen may begin, or be found over, any moment

// How long to wait before the next question.
// visible: somebody sees the page.  retry: the wait after a failure, null while the server answers.  job: the run's key
// or null.  age: how long it has been on screen.  points: those of its curve.  speed: its steps a second in slow motion,
// else null.  overlays: another run is still drawn.
export function pause({ visible, retry, job, state, age, points, speed, overlays }, { base, soon }) {
  if (!visible) return HIDDEN;
  if (retry !== null) return retry;
  if (!job || state === "gone") return overlays ? 5000 : 60_000;
  const young = age < YOUNG;
  if (isOver(state)) return young ? base : LONGEST;
  if (state === "waiting") return young ? soon : base;
  if (young || !points) return soon;
  // Single steps are asked for, or come one by one: each of them should be seen.
  return state === "paused" || (speed && speed <= 5) ? base / 2 : base;
}
