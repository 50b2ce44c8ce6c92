// Frames as the page needs them: the document, the image, and which object is at each pixel.

import { call } from "./api.js";

const loading = new Map();

// Loads a frame. What was fetched ahead of it is not fetched again; where it stands now is always asked.
export async function load(number) {
  const before = loading.get(number);
  loading.delete(number);
  const [frame, found] = await Promise.all([describe(number), before?.catch(() => null)]);
  return complete(frame, found);
}

export async function ahead() {
  const stage = sessionStorage.getItem("iddkit.stage");
  const { frame } = await call("GET", `/api/v1/tasks/ahead${stage ? `?stage=${stage}` : ""}`);
  if (frame && !loading.has(frame.id)) {
    loading.clear();
    const found = describe(frame.id).then((one) => complete(one, null));
    found.catch(() => loading.delete(frame.id));
    loading.set(frame.id, found);
  }
}

function describe(number) {
  return call("GET", `/api/v1/frames/${number}`);
}

// Adds the pictures to a frame; those of `before`, if they are the same.
async function complete(frame, before) {
  const [image, index] = await Promise.all([
    before?.image ?? (frame.image ? bitmap(frame.image).catch(() => null) : null),
    before?.frame.index === frame.index && before?.index ? before.index : frame.index ? bitmap(frame.index).then(decode).catch(() => null) : null,
  ]);
  const width = frame.width || image?.width || 0;
  return { frame, image, index, width, height: frame.height || image?.height || 0, objects: frame.objects, shapes: frame.shapes };
}

async function bitmap(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

// Red + 256 green: the place of the object, from 1 on.
function decode(picture) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, picture.width, picture.height).data.buffer);
  return Uint16Array.from(pixels, (pixel) => pixel & 0xffff);
}
