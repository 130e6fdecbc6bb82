// Makes a zip without compression (PKWARE's APPNOTE 6.3); PNGs are compressed already.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// files: [[name, Uint8Array], …] → Uint8Array.  Names are UTF-8.
export function zip(files) {
  const text = new TextEncoder();
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const label = text.encode(name);
    // version 2.0, UTF-8 names, stored, 1 January 1980
    const common = [...two(20), ...two(0x0800), ...two(0), ...two(0), ...two(0x21), ...four(crc32(bytes)), ...four(bytes.length), ...four(bytes.length), ...two(label.length), ...two(0)];
    const head = Uint8Array.from([0x50, 0x4b, 3, 4, ...common]);
    directory.push(Uint8Array.from([0x50, 0x4b, 1, 2, ...two(20), ...common, ...two(0), ...two(0), ...two(0), ...four(0), ...four(offset)]), label);
    parts.push(head, label, bytes);
    offset += head.length + label.length + bytes.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Uint8Array.from([0x50, 0x4b, 5, 6, ...two(0), ...two(0), ...two(files.length), ...two(files.length), ...four(length), ...four(offset), ...two(0)]);
  const all = [...parts, ...directory, end];
  const whole = new Uint8Array(offset + length + end.length);
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const two = (value) => [value & 255, (value >>> 8) & 255];
const four = (value) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];
