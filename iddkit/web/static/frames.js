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

// Fetches what comes after some frames.
export async function ahead(besides) {
  const wanted = new URLSearchParams(besides.slice(-100).map((number) => ["besides", number]));
  const stage = sessionStorage.getItem("iddkit.stage");
  if (stage) wanted.set("stage", stage);
  const { frame } = await call("GET", `/api/v1/tasks/ahead?${wanted}`);
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

// Adds the pictures to a frame; those of `before`, if they are the same. What does not load is among the problems.
async function complete(frame, before) {
  const problems = frame.problem ? [frame.problem] : [];
  if (!frame.image) problems.push("The frame has no image.");
  const fetched = async (what, path, kept, make) => {
    if (kept || !path) return kept ?? null;
    return bitmap(path)
      .then(make)
      .catch((error) => {
        problems.push(`The ${what} cannot be shown: ${error.message}`);
        return null;
      });
  };
  const [image, index] = await Promise.all([
    fetched("image", frame.image, before?.image, (picture) => picture),
    fetched("labels", frame.index, before?.frame.index === frame.index ? before?.index : null, decode),
  ]);
  const [width, height] = frame.width ? [frame.width, frame.height] : [image?.width ?? 0, image?.height ?? 0];
  return { frame, image, index, width, height, objects: frame.objects, shapes: frame.shapes, problems };
}

async function bitmap(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.detail ?? `${answer.status} ${answer.statusText}`);
  }
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
