// Tells the server that somebody is at work on a frame: when something is done, and not while nothing is.

import { call } from "./api.js";

// Milliseconds between two beats: much shorter than the minute after which time no longer counts.
const BETWEEN = 10_000;

let frame = null;
let last = 0;
let sent = Promise.resolve(); // the beats so far, one after another: the order tells which frame has the time between

// Says which frame is worked on from now on; null for none. The time until now was that of the one before.
export function workOn(number) {
  if (number === frame) return;
  pulse();
  frame = number;
  pulse();
}

// Says now that the frame is worked on; what comes of it then has all its time.
export async function pulse() {
  if (frame === null) return;
  last = Date.now();
  const path = `/api/v1/frames/${frame}/beat`;
  // Without a network the time is not told: nobody has to know of that.
  sent = sent.then(() => call("POST", path).catch(() => {}));
  await sent;
}

for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "scroll"]) {
  addEventListener(kind, () => document.hidden || Date.now() - last < BETWEEN || pulse(), { passive: true, capture: true });
}
