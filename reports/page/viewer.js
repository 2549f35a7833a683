"use strict";
/* Pictures side by side become a viewer. Coordinates: a "frame" pixel is one of the left picture; k is CSS pixels for
   one of them; zoom is screen pixels for one of them. Pictures are only ever transformed, never laid out again. */

const MOST = 8; // zoom
const STEP = 40; // CSS pixels of one arrow key
const TAP = { time: 320, distance: 24 }; // ms and CSS pixels between the taps of a double tap
const STACKED = 560; // CSS pixels: narrower stages put pictures above each other

class Viewer {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.divider = root.querySelector(".divider");
    this.output = root.querySelector("output");
    this.where = root.querySelector(".where");
    this.selects = Object.fromEntries([...root.querySelectorAll("select")].map((s) => [s.dataset.side, s]));
    this.layers = [...root.querySelectorAll(".layer")].map((element) => ({
      element,
      image: element.querySelector("img"),
      label: element.dataset.label,
      width: Number(element.dataset.width),
      height: Number(element.dataset.height),
      scale: Number(element.dataset.scale),
    }));
    this.left = 0;
    this.right = this.layers.length > 1 ? 1 : 0;
    this.beside = false;
    this.split = 0.5;
    this.fitted = true;
    this.k = 1;
    this.center = { x: 0, y: 0 };
    this.pointers = new Map();
    this.lastTap = { time: -Infinity, x: 0, y: 0 };

    root.classList.add("live");
    root.querySelectorAll(".controls, .hint").forEach((e) => (e.hidden = false));
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
    this.stage.setAttribute("aria-label", "Pictures: arrows pan, plus and minus zoom");
    this.listen();
    this.draw();
    const { width, height } = this.pane; // side by side where that makes them no smaller
    this.beside = this.pairs && Math.min(width / 2 / this.frame.width, height / this.frame.height) > this.fitting * 0.95;
    this.draw();
  }

  get frame() { return this.layers[this.left]; }
  get pairs() { return this.layers.length > 1; }
  get density() { return window.devicePixelRatio || 1; }
  get stacked() { return this.stage.clientWidth < STACKED; }

  /* The part of the stage that one picture has. */
  get pane() {
    const width = this.stage.clientWidth, height = this.stage.clientHeight;
    if (!this.beside) return { width, height };
    return this.stacked ? { width, height: height / 2 } : { width: width / 2, height };
  }

  get fitting() { return Math.min(this.pane.width / this.frame.width, this.pane.height / this.frame.height); }
  get zoom() { return this.k * this.density; }

  /* A point of the stage in the pane it lies in, from the pane's middle. */
  local(event) {
    const box = this.stage.getBoundingClientRect(), pane = this.pane;
    const x = event.clientX - box.left, y = event.clientY - box.top;
    return { x: (this.beside ? x % pane.width : x) - pane.width / 2, y: (this.beside ? y % pane.height : y) - pane.height / 2 };
  }

  zoomTo(zoom, at = { x: 0, y: 0 }) {
    const least = Math.min(this.fitting, 1 / this.density);
    const k = Math.min(Math.max(zoom / this.density, least), Math.max(MOST / this.density, this.fitting));
    this.center.x += at.x / this.k - at.x / k;
    this.center.y += at.y / this.k - at.y / k;
    this.fitted = k <= this.fitting * 1.001 && k >= this.fitting * 0.999;
    this.k = k;
    this.paint();
  }

  fit() { this.fitted = true; this.paint(); }
  step(direction) { // to the next power of two
    const exponent = Math.log2(this.zoom);
    this.zoomTo(2 ** (direction > 0 ? Math.floor(exponent + 1.01) : Math.ceil(exponent - 1.01)));
  }
  pan(dx, dy) {
    this.center.x -= dx / this.k;
    this.center.y -= dy / this.k;
    this.paint();
  }
  toggle(at) {
    if (!this.fitted) this.fit();
    else this.zoomTo(this.zoom < 0.99 ? 1 : Math.min(MOST, this.zoom * 4), at);
  }

  choose(side, index) {
    const count = this.layers.length, other = side === "left" ? "right" : "left";
    index = ((index % count) + count) % count;
    const old = this.frame;
    if (index === this[other]) this[other] = this[side];
    this[side] = index;
    const now = this.frame; // the same part of pictures of different size
    this.center = { x: (this.center.x * now.width) / old.width, y: (this.center.y * now.height) / old.height };
    this.k *= old.width / now.width;
    this.paint();
  }
  next(side) {
    const other = side === "left" ? this.right : this.left;
    const index = (this[side] + 1) % this.layers.length;
    this.choose(side, index === other && this.layers.length > 2 ? index + 1 : index);
  }
  layout(beside) { this.beside = beside && this.pairs; this.paint(); }
  slide(split) { this.split = Math.min(Math.max(split, 0), 1); this.paint(); }

  /* Brings a place [frame pixels] to the middle, as large as it fits. */
  show(x, y, width, height) {
    const pane = this.pane;
    this.center = { x: x + width / 2, y: y + height / 2 };
    const k = Math.min(pane.width / width, pane.height / height) * 0.9;
    this.zoomTo(Math.max(2 ** Math.floor(Math.log2(k * this.density)), Math.min(1, k * this.density)));
  }

  paint() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  draw() {
    const { frame, stage, center } = this;
    stage.style.setProperty("--panes", this.beside ? 2 : 1);
    stage.style.setProperty("--w", frame.width);
    stage.style.setProperty("--h", frame.height);
    const pane = this.pane;
    if (this.fitted) this.k = this.fitting;
    for (const [axis, side] of [["x", "width"], ["y", "height"]]) {
      const half = pane[side] / 2 / this.k; // the pane shows no more outside than it must
      center[axis] = half * 2 >= frame[side] ? frame[side] / 2 : Math.min(Math.max(center[axis], half), frame[side] - half);
    }
    this.layers.forEach((layer, index) => this.place(layer, index === this.left ? "left" : index === this.right ? "right" : "", pane));
    this.describe();
  }

  place(layer, side, pane) {
    const { element, image } = layer, { frame, density } = this;
    element.classList.toggle("shown", side !== "");
    element.classList.toggle("right", side === "right" && !(this.beside && this.stacked));
    if (!side) return;
    const second = side === "right" && this.beside;
    Object.assign(element.style, {
      left: second && !this.stacked ? `${pane.width}px` : "0",
      top: second && this.stacked ? `${pane.height}px` : "0",
      width: `${pane.width}px`,
      height: `${pane.height}px`,
      zIndex: side === "right" ? 2 : 1,
      clipPath: side === "right" && !this.beside ? `inset(0 0 0 ${this.split * 100}%)` : "none",
    });
    const same = layer.width === frame.width && layer.height === frame.height; // others are scaled into the frame
    const scale = same ? 1 : Math.min(frame.width / layer.width, frame.height / layer.height);
    const snap = (v) => Math.round(v * density) / density; // whole screen pixels, so that 100 % is exact
    const x = snap(pane.width / 2 - this.center.x * this.k + ((frame.width - layer.width * scale) / 2) * this.k);
    const y = snap(pane.height / 2 - this.center.y * this.k + ((frame.height - layer.height * scale) / 2) * this.k);
    const k = this.k * scale * layer.scale;
    image.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    element.classList.toggle("crisp", k * density > 1.001);
  }

  describe() {
    const { frame } = this, percent = this.zoom * 100;
    this.output.textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
    this.stage.style.touchAction = this.fitted ? "pan-y" : "none"; // a finger scrolls the page until there is a picture to move
    const other = this.layers[this.right], about = this.root.querySelector(".about");
    about.hidden = other.width === frame.width && other.height === frame.height;
    about.textContent = `${other.label} is shown scaled to the size of ${frame.label}.`;
    if (!this.pairs) return;
    this.selects.left.value = this.left;
    this.selects.right.value = this.right;
    this.root.querySelector("[data-do=overlay]").setAttribute("aria-pressed", String(!this.beside));
    this.root.querySelector("[data-do=beside]").setAttribute("aria-pressed", String(this.beside));
    const percentLeft = Math.round(this.split * 100);
    this.divider.hidden = this.beside;
    this.divider.style.left = `${this.split * 100}%`;
    this.divider.style.zIndex = 3;
    this.divider.setAttribute("aria-valuenow", percentLeft);
    this.divider.setAttribute("aria-valuetext", `${frame.label} ${percentLeft} %, ${other.label} ${100 - percentLeft} %`);
  }

  listen() {
    const { stage, root } = this;
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("pointermove", (e) => this.move(e));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (e) => this.up(e));
    stage.addEventListener("pointerleave", () => (this.where.textContent = ""));
    stage.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    root.addEventListener("keydown", (e) => this.key(e));
    root.addEventListener("click", (e) => this.command(e.target.closest("[data-do]")?.dataset.do));
    for (const [side, select] of Object.entries(this.selects)) select.addEventListener("change", () => this.choose(side, Number(select.value)));
    new ResizeObserver(() => this.paint()).observe(stage);
  }

  down(event) {
    if (event.button) return;
    const sliding = event.target === this.divider;
    (sliding ? this.divider : this.stage).focus({ preventScroll: true });
    event.preventDefault(); // no selection, no drag of the picture
    event.target.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, sliding });
    this.moved = this.pointers.size > 1;
    this.start = { x: event.clientX, y: event.clientY };
  }

  move(event) {
    const at = this.local(event), old = this.pointers.get(event.pointerId);
    const spot = { x: Math.floor(this.center.x + at.x / this.k), y: Math.floor(this.center.y + at.y / this.k) };
    const inside = spot.x >= 0 && spot.y >= 0 && spot.x < this.frame.width && spot.y < this.frame.height;
    this.where.textContent = inside ? `x ${spot.x}, y ${spot.y}` : "";
    if (!old) return;
    const box = this.stage.getBoundingClientRect();
    const others = [...this.pointers].filter(([id, p]) => id !== event.pointerId && !p.sliding).map(([, p]) => p);
    if (Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) > 4) this.moved = true;
    if (old.sliding) this.slide((event.clientX - box.left) / box.width);
    else if (others.length) this.pinch(old, event, others[0]);
    else if (this.moved) this.pan(event.clientX - old.x, event.clientY - old.y);
    this.pointers.set(event.pointerId, { ...old, x: event.clientX, y: event.clientY });
  }

  pinch(old, event, other) {
    const apart = (p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
    const now = { x: event.clientX, y: event.clientY };
    this.pan((now.x - old.x) / 2, (now.y - old.y) / 2);
    const middle = this.local({ clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
    this.zoomTo((this.zoom * apart(now)) / apart(old), middle);
  }

  up(event) {
    const known = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (!known || known.sliding || this.moved || event.type === "pointercancel") return;
    const last = this.lastTap, near = Math.hypot(event.clientX - last.x, event.clientY - last.y) < TAP.distance;
    const twice = near && event.timeStamp - last.time < TAP.time;
    this.lastTap = { time: twice ? -Infinity : event.timeStamp, x: event.clientX, y: event.clientY };
    if (twice) this.toggle(this.local(event));
  }

  wheel(event) { // the page keeps its wheel until the picture was clicked or Ctrl is held (which trackpads send for a pinch)
    const asked = event.ctrlKey || event.metaKey || this.root.contains(document.activeElement);
    if (!asked || (this.fitted && event.deltaY > 0 && !event.ctrlKey)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1;
    this.zoomTo(this.zoom * 2 ** (-event.deltaY * lines * (event.ctrlKey && Math.abs(event.deltaY) < 50 ? 0.01 : 0.0025)), this.local(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const far = event.shiftKey ? 5 : 1, onDivider = event.target === this.divider, onStage = event.target === this.stage;
    const arrow = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const percent = Math.round(this.split * 100); // whole steps
    if (onDivider && arrow) this.slide((percent + (event.key === "ArrowLeft" || event.key === "ArrowDown" ? -2 : 2) * far) / 100);
    else if (onDivider && ["PageUp", "PageDown"].includes(event.key)) this.slide((percent + (event.key === "PageUp" ? 10 : -10)) / 100);
    else if (onDivider && event.key === "Home") this.slide(0);
    else if (onDivider && event.key === "End") this.slide(1);
    else if (onStage && arrow) this.pan(arrow[0] * STEP * far, arrow[1] * STEP * far);
    else if (event.key === "Escape") document.activeElement.blur(); // the wheel is the page's again
    else if (["1", "2", "4", "8"].includes(event.key)) this.zoomTo(Number(event.key));
    else {
      const word = { "+": "in", "=": "in", "-": "out", 0: "fit", "[": "left", "]": "right", x: "swap", d: "overlay", s: "beside", f: "screen" }[event.key];
      if (!word) return;
      this.command(word);
    }
    event.preventDefault();
  }

  command(word) {
    const act = {
      in: () => this.step(1),
      out: () => this.step(-1),
      fit: () => this.fit(),
      full: () => this.zoomTo(1),
      swap: () => this.choose("left", this.right),
      left: () => this.next("left"),
      right: () => this.next("right"),
      overlay: () => this.layout(false),
      beside: () => this.layout(true),
      screen: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen?.()),
    }[word];
    if (act && (this.pairs || !["swap", "left", "right"].includes(word))) act();
  }
}
