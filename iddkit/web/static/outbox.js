// Verdicts that were given and not yet acknowledged: kept in the browser until the server has them, and sent once.
//
// The latest ones are held back until the next are given, or the page is left: until then they can be taken back. Each
// lies under a key of its own, so that two tabs do not overwrite each other's, and with the number of the person, whose
// verdict it is whoever signs in next. By its random word the server knows it again when an answer was lost.

import { Refused, call, isSignedOut } from "./api.js";

const PREFIX = `iddkit.verdict.${document.body.dataset.person}.`;

// Milliseconds that a verdict is held back at most: others may wait for its frame.
const LONGEST = 10 * 60 * 1000;

let held = [];
let timer = 0;

export function waiting() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const all = keys.map((key) => ({ key, ...JSON.parse(localStorage.getItem(key)) }));
  return all.sort((one, other) => one.at - other.at);
}

// Frames whose verdicts are still here.
export function frames() {
  return waiting().map((one) => one.frame);
}

// Keeps verdicts ({ frame, body, and what the page knows of the frame }) and holds them back; those that were held before are free to go.
export function put(verdicts) {
  held = verdicts.map(({ frame, body, shown }, place) => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const request = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const one = { key: PREFIX + request, frame, body: { ...body, request }, at: Date.now() + place / 1000, shown };
    localStorage.setItem(one.key, JSON.stringify({ frame, body: one.body, at: one.at }));
    return one;
  });
  clearTimeout(timer);
  timer = setTimeout(() => free().catch(() => {}), LONGEST);
}

// Takes back what is held, and returns it.
export function takeBack() {
  const back = held.filter((one) => localStorage.getItem(one.key) !== null);
  for (const one of back) localStorage.removeItem(one.key);
  held = [];
  return back;
}

export function canTakeBack() {
  return held.length > 0;
}

// Sends what waits and is not held, the oldest first. Returns what the server refused, with its reason; throws without
// a network.
export async function send() {
  const refused = [];
  const keys = new Set(held.map((one) => one.key));
  for (const one of waiting().filter((each) => !keys.has(each.key))) {
    try {
      await call("POST", `/api/v1/frames/${one.frame}/verdict`, one.body);
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500 || isSignedOut(error)) throw error;
      refused.push({ ...one, reason: error.message });
    }
    localStorage.removeItem(one.key);
  }
  return refused;
}

// Sends all, those too that were held.
export function free() {
  held = [];
  return send();
}

// The page is left: what waits goes on its way without it, and is sent again by the next page if no answer came.
addEventListener("pagehide", () => {
  for (const one of waiting()) call("POST", `/api/v1/frames/${one.frame}/verdict`, one.body, true).catch(() => {});
});
