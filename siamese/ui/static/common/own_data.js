// The name of the data set of this browser's own pictures. Their view writes it, the other tabs read it.

const STORED = "siamese:own-data";
const CHANGED = "siamese:own-changed";
let current = null; // for a browser without storage

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
    // `current` has the name until the page is closed.
  }
  document.dispatchEvent(new Event(CHANGED));
}

export function onOwnData(action, signal) {
  document.addEventListener(CHANGED, action, { signal });
}
