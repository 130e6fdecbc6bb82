// One request at a time: while one is under way, only the newest of the later ones waits.

// ask: (...values) → promise of an answer.  use: called with every answer that arrives.
export function newestOnly(ask, use) {
  let busy = false;
  let waiting = null;
  return async function request(...values) {
    if (busy) {
      waiting = values;
      return;
    }
    busy = true;
    for (let next = values; next; ) {
      waiting = null;
      use(await ask(...next), next);
      next = waiting;
    }
    busy = false;
  };
}
