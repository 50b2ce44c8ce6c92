// The picture: image, labels and outlines under one transformation, which stays from frame to frame.

export class View {
  constructor(canvas, choose) {
    this.canvas = canvas;
    this.scale = 0; // of the picture on the screen; 0 until something is shown
    this.x = this.y = 0;
    this.opacity = 0.5;
    this.shows = { overlay: true, outline: false, alone: false };
    this.chosen = null;
    this.regions = [];
    this.listen(choose);
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  // Shows a frame that was loaded. The view stays where it is, if a picture of this size was there before.
  show(loaded) {
    const before = this.loaded;
    this.loaded = loaded;
    this.chosen = null;
    this.colour();
    if (!this.scale || before?.width !== loaded.width || before?.height !== loaded.height) this.fit();
    else this.draw();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    if (this.loaded && !this.scale) this.fit();
    else this.draw();
  }

  fit() {
    const { width, height } = this.loaded ?? {};
    if (!width || !this.canvas.width) return;
    this.scale = Math.min(this.canvas.width / width, this.canvas.height / height);
    this.x = (this.canvas.width - width * this.scale) / 2;
    this.y = (this.canvas.height - height * this.scale) / 2;
    this.draw();
  }

  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, 0.02), 64);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  // Moves by an eighth of what is seen.
  move(right, down) {
    this.x += (right * this.canvas.width) / 8;
    this.y += (down * this.canvas.height) / 8;
    this.draw();
  }

  // The middle third of what is seen, in pixels of the picture.
  middle() {
    if (!this.scale) return null;
    const [width, height] = [this.canvas.width / 3 / this.scale, this.canvas.height / 3 / this.scale];
    const region = [(this.canvas.width / 2 - this.x) / this.scale - width / 2, (this.canvas.height / 2 - this.y) / this.scale - height / 2];
    return [...region, width, height].map(Math.round);
  }

  // Brings a region (x, y, width, height) to the middle, at a scale at which it is to be seen.
  go([x, y, width, height]) {
    const fill = 0.4 * Math.min(this.canvas.width / Math.max(width, 8), this.canvas.height / Math.max(height, 8));
    this.scale = Math.min(Math.max(fill, this.scale), 16);
    this.x = this.canvas.width / 2 - (x + width / 2) * this.scale;
    this.y = this.canvas.height / 2 - (y + height / 2) * this.scale;
    this.draw();
  }

  // Colours the labels anew: only when what is to be seen of them has changed, never for a move.
  colour() {
    const { index, objects, shapes, width, height } = this.loaded;
    this.cover = null;
    if (!index) return;
    const byNumber = new Map(shapes.map((shape) => [shape.number, shape]));
    const label = this.shows.alone ? byNumber.get(this.chosen)?.label : undefined;
    const table = new Uint32Array(objects.length + 1);
    objects.forEach((number, place) => {
      const shape = byNumber.get(number);
      if (label !== undefined && shape.label !== label) return;
      const colour = Number.parseInt(shape.color.slice(1), 16);
      table[place + 1] = 0xff000000 | ((colour & 255) << 16) | (colour & 0xff00) | (colour >> 16);
    });
    const picture = new ImageData(width, height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[index[i]];
    this.cover = new OffscreenCanvas(width, height);
    this.cover.getContext("2d").putImageData(picture, 0, 0);
  }

  draw() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      this.paint();
    });
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    // Where the picture lies, for whoever drives the page from outside.
    this.canvas.dataset.view = `${this.scale} ${this.x} ${this.y}`;
    this.canvas.dataset.overlay = this.shows.overlay;
    this.canvas.dataset.frame = this.loaded?.frame.id ?? "";
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.loaded?.width) return;
    const { image, width, height, shapes } = this.loaded;
    pen.setTransform(this.scale, 0, 0, this.scale, this.x, this.y);
    pen.imageSmoothingEnabled = this.scale < 2;
    pen.fillStyle = "#555";
    pen.fillRect(0, 0, width, height);
    if (image) pen.drawImage(image, 0, 0, width, height);
    if (this.cover && this.shows.overlay) {
      pen.globalAlpha = this.opacity;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.cover, 0, 0);
      pen.globalAlpha = 1;
    }
    const chosen = shapes.find((shape) => shape.number === this.chosen);
    if (this.shows.outline) {
      for (const shape of shapes) if (!shape.deleted) this.trace(pen, shape, shape.color, 1.5);
    }
    if (chosen) {
      this.trace(pen, chosen, "#000", 5);
      this.trace(pen, chosen, "#fff", 2.5);
    }
    pen.lineWidth = 2 / this.scale;
    pen.strokeStyle = "#e63946";
    for (const [x, y, w, h] of this.regions) pen.strokeRect(x, y, w, h);
  }

  trace(pen, shape, colour, width) {
    pen.strokeStyle = colour;
    pen.lineWidth = width / this.scale;
    for (const outline of shape.outlines) {
      pen.beginPath();
      for (const [x, y] of outline) pen.lineTo(x, y);
      pen.closePath();
      pen.stroke();
    }
  }

  // The object at a place of the canvas, or null; and the pixel of the picture.
  at(event) {
    if (!this.scale) return { x: 0, y: 0, number: null };
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    const x = Math.floor(((event.clientX - box.left) * ratio - this.x) / this.scale);
    const y = Math.floor(((event.clientY - box.top) * ratio - this.y) / this.scale);
    const { index, objects, width, height } = this.loaded ?? {};
    if (!index || x < 0 || y < 0 || x >= width || y >= height) return { x, y, number: null };
    return { x, y, number: objects[index[y * width + x] - 1] ?? null };
  }

  choose(number) {
    this.chosen = number;
    if (this.shows.alone) this.colour();
    this.draw();
  }

  listen(choose) {
    const { canvas } = this;
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY, moved: false, start: this.at(event), draws: event.shiftKey && this.scale > 0 };
    });
    canvas.addEventListener("pointermove", (event) => {
      this.pointed?.(this.at(event));
      if (!from) return;
      const ratio = this.canvas.width / canvas.clientWidth;
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > 3) from.moved = true;
      if (!from.moved) return;
      if (from.draws) {
        this.regions = [box(from.start, this.at(event))];
      } else {
        this.x += event.movementX * ratio;
        this.y += event.movementY * ratio;
      }
      this.draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (from?.draws && from.moved) choose({ region: box(from.start, this.at(event)) });
      else if (from && !from.moved) choose(this.at(event));
      from = null;
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const bounds = canvas.getBoundingClientRect();
        const ratio = this.canvas.width / bounds.width;
        const step = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015));
        this.zoom(step, (event.clientX - bounds.left) * ratio, (event.clientY - bounds.top) * ratio);
      },
      { passive: false },
    );
  }
}

function box(one, other) {
  const x = Math.min(one.x, other.x);
  const y = Math.min(one.y, other.y);
  return [x, y, Math.abs(one.x - other.x) + 1, Math.abs(one.y - other.y) + 1];
}
