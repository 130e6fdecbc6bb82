// Pictures from the visitor: dropped, pasted or chosen files, and the webcam. The browser makes them smaller: ten
// megabytes of a photograph become some tens of kilobytes.

import { button, make } from "./dom.js";

export const MOST_SIDE = 512; // pixels; the longer side of a picture that is sent
const MOST_FILE_BYTES = 64 * 1024 * 1024; // the server's own limit for one image file
const MOST_RAW_BYTES = 1024 * 1024; // a file that only the server can decode (PGM, TIFF) is sent as it is, up to this
const PNG_CHARACTERS = 200_000; // a longer data URL is a photograph, for which JPEG is many times smaller

// An image file, or anything else that createImageBitmap takes, as { name, url }: a PNG or JPEG data URL, upright, no
// side above MOST_SIDE, transparency on white. Throws an Error with one of words' sentences { unreadable, large }.
export async function shrink(source, words, name = source.name ?? "") {
  if (source.size > MOST_FILE_BYTES) throw new Error(words.large.replace("{name}", () => name));
  let bitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch {
    if (!(source instanceof Blob) || source.size > MOST_RAW_BYTES) throw new Error(words.unreadable.replace("{name}", () => name));
    return { name, url: await asDataURL(new Blob([source], { type: "image/other" })) };
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.imageSmoothingQuality = "high";
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const png = canvas.toDataURL("image/png");
  return { name, url: png.length <= PNG_CHARACTERS ? png : canvas.toDataURL("image/jpeg", 0.9) };
}

// A zone that takes files by drop, by paste and by a button; onFiles receives a list of File.
// words: { drop, choose, formats }.  accept: as of an <input type="file">.
// pasteAnywhere: a paste anywhere on the page counts while the zone is visible; else only over or inside the zone.
export function createDropZone({ words, accept = "image/*", multiple = true, pasteAnywhere = false, onFiles }) {
  const element = make("div", "drop-zone");
  const input = make("input");
  Object.assign(input, { type: "file", accept, multiple });
  const choose = button("", words.choose, () => input.click());
  element.append(make("span", "", words.drop), choose, make("span", "soft", words.formats), input);

  const give = (files) => files.length && onFiles(multiple ? [...files] : [files[0]]);
  const mark = (over) => (element.dataset.over = String(over));
  input.onchange = () => {
    give(input.files);
    input.value = ""; // so that the same file can be chosen again
  };
  element.ondragover = (event) => {
    event.preventDefault();
    mark(true);
  };
  element.ondragleave = (event) => !element.contains(event.relatedTarget) && mark(false);
  element.ondrop = (event) => {
    event.preventDefault();
    mark(false);
    give(event.dataTransfer.files);
  };

  function paste(event) {
    if (event.target.closest?.("input, textarea, [contenteditable]")) return;
    const isForZone = pasteAnywhere || element.contains(event.target) || element.matches(":hover");
    const files = event.clipboardData?.files ?? [];
    if (!files.length || !isForZone || element.offsetParent === null) return;
    event.preventDefault();
    give(files);
  }
  document.addEventListener("paste", paste);
  return {
    element,
    destroy: () => {
      document.removeEventListener("paste", paste);
      element.remove();
    },
  };
}

// The webcam: a button switches it on, another takes a picture ({ name, url }, as shrink gives it). It is off again as
// soon as nobody can see it.  words: { camera_on, camera_off, take, promise, insecure, refused, missing, busy }.
export function createCamera({ words, onPicture }) {
  const element = make("div", "camera");
  const view = make("div", "view");
  const row = make("div", "pad-buttons");
  element.append(view, row);
  let stream = null;

  function showOff(sentence = words.promise) {
    view.className = "view";
    const status = make("span", "soft", sentence);
    status.setAttribute("role", "status");
    view.replaceChildren(button("", words.camera_on, start), status);
    row.replaceChildren();
  }

  async function start() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
    } catch (error) {
      const reasons = { NotAllowedError: words.refused, NotFoundError: words.missing };
      return showOff(reasons[error.name] ?? words.busy);
    }
    const video = make("video");
    Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
    // A person in front of a screen expects a mirror; the picture that is taken is not mirrored.
    const facing = stream.getVideoTracks()[0]?.getSettings().facingMode;
    if (facing !== "environment") video.className = "mirrored";
    view.className = "view live";
    view.replaceChildren(video);
    await video.play();
    row.replaceChildren(button("strong", words.take, () => take(video)), button("", words.camera_off, stop));
    row.firstElementChild.focus({ preventScroll: true });
  }

  // The square in the middle, which is what the preview shows.
  function take(video) {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (!side) return;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.min(side, MOST_SIDE);
    const [left, top] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
    canvas.getContext("2d").drawImage(video, left, top, side, side, 0, 0, canvas.width, canvas.height);
    onPicture({ name: "webcam.jpg", url: canvas.toDataURL("image/jpeg", 0.9) });
  }

  function stop() {
    if (!stream) return;
    for (const track of stream.getTracks()) track.stop();
    stream = null;
    showOff();
  }

  const watcher = new IntersectionObserver((entries) => entries.at(-1).isIntersecting || stop());
  watcher.observe(element);
  if (navigator.mediaDevices?.getUserMedia) showOff();
  else {
    const why = make("span", "soft", words.insecure);
    why.setAttribute("role", "status");
    view.append(why);
  }
  return {
    element,
    stop,
    destroy: () => {
      watcher.disconnect();
      stop();
      element.remove();
    },
  };
}

function asDataURL(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
