// Sends a file to the server in pieces, so that no request is large and the page can show the progress.

const MOST_BYTES = 20 * 1024 * 1024; // the server's own limit
const PIECE = 1024 * 1024;

// send(name, offset, total, base64) → { received } or { error }.  Returns an error sentence, or null.
export async function sendFile(file, { send, onShare, words, say }) {
  if (file.size > MOST_BYTES) return say("too_large", { name: file.name, size: (file.size / 1048576).toFixed(0) });
  if (!file.size) return say("empty_file", { name: file.name });
  for (let offset = 0; offset < file.size; offset += PIECE) {
    onShare(offset / file.size);
    const answer = await send(file.name, offset, file.size, await base64(file.slice(offset, offset + PIECE)));
    if (!answer) return words.offline;
    if (answer.error) return answer.error;
  }
  onShare(1);
  return null;
}

// The browser's own encoder is many times quicker than one written here.
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
