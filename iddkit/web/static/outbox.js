// Verdicts that were given and not yet acknowledged: kept in the browser until the server has them, and sent once.
//
// The latest ones are held back until the next are given, or the page is left: until then they can be taken back. Each
// lies under a key of its own, so that two tabs do not overwrite each other's, and with project and person, whose
// verdict it is whoever signs in next, and whatever is served here then. By its random word the server knows it again when an answer was lost.

import { Refused, call, say } from "./api.js";
import * as drafts from "./drafts.js";

const PREFIX = `iddkit.verdict.${document.body.dataset.owner}.`;

// Milliseconds that a verdict is held back at most: others may wait for its frame.
const LONGEST = 10 * 60 * 1000;

// Answers after which a verdict is not sent again: the review has refused it.
const FINAL = [404, 409, 413, 422];

let held = []; // of this page
let timer = 0;

export function waiting() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const all = keys.map((key) => ({ key, ...JSON.parse(localStorage.getItem(key)) }));
  return all.sort((one, other) => one.at - other.at);
}

// Those that no page holds, or one that is gone.
export function due() {
  return waiting().filter((one) => !one.held || one.at + LONGEST < Date.now());
}

// Frames whose verdicts are still here.
export function frames() {
  return waiting().map((one) => one.frame);
}

// Keeps verdicts ({ frame, body, and what the page knows of the frame }) and holds them back; those that were held before
// are free to go. Throws if the browser does not keep them.
export function put(verdicts) {
  const made = verdicts.map(({ frame, body, shown }, place) => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const request = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return { key: PREFIX + request, frame, body: { ...body, request }, at: Date.now() + place / 1000, shown };
  });
  try {
    for (const one of made) write(one, true);
  } catch (error) {
    for (const one of made) localStorage.removeItem(one.key);
    throw error;
  }
  release();
  held = made;
  clearTimeout(timer);
  timer = setTimeout(() => free().then(tell, () => {}), LONGEST);
}

function write({ key, frame, body, at }, isHeld) {
  localStorage.setItem(key, JSON.stringify({ frame, body, at, held: isHeld }));
}

function stillHeld() {
  return held.filter((one) => JSON.parse(localStorage.getItem(one.key) ?? "null")?.held);
}

// Lets what is held go.
function release() {
  for (const one of stillHeld()) write(one, false);
  held = [];
}

// Takes back what is held, and returns it.
export function takeBack() {
  const back = stillHeld();
  for (const one of back) localStorage.removeItem(one.key);
  held = [];
  return back;
}

export function canTakeBack() {
  return stillHeld().length > 0;
}

// Sends what waits and is not held, by whatever page, the oldest first. Returns what the server refused, with its reason,
// and keeps its marks as a draft; throws without an answer of the server.
export async function send() {
  const refused = [];
  let failed = null;
  for (const one of due()) {
    try {
      const said = await call("POST", `/api/v1/frames/${one.frame}/verdict`, one.body);
      if (said.was_there === undefined) throw new Error("the answer is not one of the review");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!FINAL.includes(error.status)) {
        failed = error; // of this one alone, perhaps
        continue;
      }
      drafts.keep(one.frame, one.body, { ...one.body, verdict: null });
      refused.push({ ...one, reason: error.message });
    }
    localStorage.removeItem(one.key);
  }
  if (failed) throw failed;
  return refused;
}

// Sends all, those too that were held.
export function free() {
  release();
  return send();
}

// Says what was refused; returns whether anything was.
export function tell(refused) {
  if (refused.length) say(`Refused: ${refused.map((one) => one.reason).join("; ")}`, true);
  return refused.length > 0;
}

// What a page still has to put here when it is left.
export const beforeHiding = [];

// The page is left: what it held goes on its way without it, and is sent again by the next page if no answer came.
addEventListener("pagehide", () => {
  for (const one of beforeHiding) one();
  const mine = stillHeld();
  release();
  for (const one of mine) call("POST", `/api/v1/frames/${one.frame}/verdict`, one.body, true).catch(() => {});
});
addEventListener("online", () => send().then(tell, () => {}));
