// A view as a link: ?explore=errors&from=glyphs&size=32 and so on, with every value that is not the default.

const NUMBERS = { size: [12, 32, 64], way: [5, 10, 20], shot: [1, 3, 5] };
const WORDS = {
  order: ["drawn", "loss"], errors: ["mistakes", "hardest_same", "hardest_different", "nearest"],
  set: ["validation", "best", "equal", "few"],
};
const DEFAULTS = { size: 12, way: 5, shot: 1, order: "drawn", errors: "mistakes", set: "validation" };

// The address of a view.  about.watch: the key with which others may watch a run, but not control it.
export function linkTo(address, choice, about) {
  const query = new URLSearchParams({ explore: choice.view });
  const from = about?.kind === "run" && about.watch ? about.watch : choice.from;
  if (from) query.set("from", from);
  for (const [key, usual] of Object.entries(DEFAULTS)) if (choice[key] != null && choice[key] !== usual) query.set(key, choice[key]);
  if (!choice.seen) query.set("seen", "no");
  if (choice.guess) query.set("guess", "yes");
  if (choice.seed) query.set("seed", choice.seed);
  if (choice.t != null) query.set("t", choice.t.toFixed(4));
  if (choice.view === "inside" && choice.pair) {
    query.set("of", choice.before);
    const { at, number, step } = choice.pair;
    query.set("pair", at ? at.join("-") : number);
    if (step) query.set("step", step);
  }
  return `${address.origin}${address.pathname}?${query}`;
}

// The choices of a link; null for an address without a view. Values that cannot be read are left out.
export function readLink(search, views) {
  const query = new URLSearchParams(search);
  const view = query.get("explore");
  if (![...views, "inside"].includes(view)) return null;
  const choice = { view };
  if (query.has("from")) choice.from = query.get("from").slice(0, 200);
  for (const [key, allowed] of Object.entries(NUMBERS)) if (allowed.includes(Number(query.get(key)))) choice[key] = Number(query.get(key));
  for (const [key, allowed] of Object.entries(WORDS)) if (allowed.includes(query.get(key))) choice[key] = query.get(key);
  if (query.get("seen") === "no") choice.seen = false;
  if (query.get("guess") === "yes") choice.guess = true;
  if (/^\d{1,9}$/.test(query.get("seed"))) choice.seed = Number(query.get("seed"));
  if (/^\d+(\.\d+)?$/.test(query.get("t"))) Object.assign(choice, { t: Number(query.get("t")), set: null });
  if (view !== "inside") return choice;
  choice.before = views.includes(query.get("of")) ? query.get("of") : "batch";
  const pair = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(query.get("pair") ?? "");
  if (!pair) return { ...choice, view: choice.before };
  choice.pair = pair[2] === undefined ? { number: Number(pair[1]), seed: choice.seed ?? 0 } : { at: [Number(pair[1]), Number(pair[2])] };
  if (/^\d{1,9}$/.test(query.get("step"))) choice.pair.step = Number(query.get("step"));
  return choice;
}
