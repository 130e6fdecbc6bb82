// The thumbnails of a run. Strokes on a black or white background are drawn without it, in the colour of their class.
// Other pictures keep their colours and get a frame.
export class Sprite {
  constructor({ size, columns, labels, names }, image) {
    Object.assign(this, { size, columns, labels, names, image });
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [image.width, image.height];
    const brush = sheet.getContext("2d", { willReadFrequently: true });
    brush.drawImage(image, 0, 0);
    this.pixels = brush.getImageData(0, 0, sheet.width, sheet.height);
    this.sheet = sheet;
    this.strokes = this.background();
  }
  static load(answer) {
    return new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(new Sprite(answer, image));
      image.onerror = reject;
      image.src = answer.sprite;
    });
  }
  // "dark" or "light" where all pictures are grey with a nearly black or white border; else null.
  background() {
    const { data, width } = this.pixels;
    for (let at = 0; at < data.length; at += 4)
      if (Math.max(Math.abs(data[at] - data[at + 1]), Math.abs(data[at + 2] - data[at + 1])) > 24) return null;
    let [sum, count] = [0, 0];
    this.labels.forEach((_, i) => {
      const [left, top] = this.corner(i);
      for (let k = 0; k < this.size; k++)
        for (const [x, y] of [
          [k, 0],
          [k, this.size - 1],
          [0, k],
          [this.size - 1, k],
        ]) {
          sum += data[4 * ((top + y) * width + left + x)];
          count++;
        }
    });
    return sum / count < 30 ? "dark" : sum / count > 225 ? "light" : null;
  }
  corner(i) {
    return [(i % this.columns) * this.size, Math.floor(i / this.columns) * this.size];
  }
  // All pictures at their size on the map, each in the colour of its class.
  atlas(cell, colours) {
    const key = `${cell} ${colours}`;
    if (this.key === key) return this.ready;
    this.key = key;
    let source = this.sheet;
    if (this.strokes) {
      source = document.createElement("canvas");
      [source.width, source.height] = [this.sheet.width, this.sheet.height];
      const brush = source.getContext("2d");
      const cut = new ImageData(new Uint8ClampedArray(this.pixels.data), source.width, source.height);
      for (let at = 0; at < cut.data.length; at += 4)
        cut.data[at + 3] = this.strokes === "dark" ? cut.data[at] : 255 - cut.data[at];
      brush.putImageData(cut, 0, 0);
      brush.globalCompositeOperation = "source-atop";
      this.labels.forEach((label, i) => {
        brush.fillStyle = colours[label % colours.length];
        brush.fillRect(...this.corner(i), this.size, this.size);
      });
    }
    const scale = cell / this.size;
    this.ready = document.createElement("canvas");
    [this.ready.width, this.ready.height] = [Math.ceil(source.width * scale), Math.ceil(source.height * scale)];
    const brush = this.ready.getContext("2d");
    brush.imageSmoothingQuality = "high";
    brush.drawImage(source, 0, 0, this.columns * cell, (source.height / this.size) * cell);
    return this.ready;
  }
}
