// The name of the data set that this browser's own pictures make: written by their view, read by the other tabs.

const STORED = "siamese:own-data";
const CHANGED = "siamese:own-changed";
let current = null; // for a browser that keeps nothing

export function ownData() {
  try {
    return localStorage.getItem(STORED) ?? current;
  } catch {
    return current;
  }
}

export function setOwnData(data) {
  current = data || null;
  try {
    if (data) localStorage.setItem(STORED, data);
    else localStorage.removeItem(STORED);
  } catch {
    // `current` has it until the page is left.
  }
  document.dispatchEvent(new Event(CHANGED));
}

export function onOwnData(action, signal) {
  document.addEventListener(CHANGED, action, { signal });
}
