// Verdicts that were given and not yet acknowledged: kept in the browser until the server has them, and sent once.
// Each has a random word of its own, by which the server knows it again when an answer was lost.

import { Refused, call } from "./api.js";

const KEY = "iddkit.outbox";

export function waiting() {
  return JSON.parse(localStorage.getItem(KEY) ?? "[]");
}

function keep(all) {
  if (all.length) localStorage.setItem(KEY, JSON.stringify(all));
  else localStorage.removeItem(KEY);
}

export function put(frame, verdict) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const request = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  keep([...waiting(), { frame, body: { ...verdict, request } }]);
}

// Sends what waits, the oldest first. Returns what the server refused, with its reason; throws without a network.
export async function send() {
  const refused = [];
  for (let all = waiting(); all.length; all = waiting()) {
    const [first] = all;
    try {
      await call("POST", `/api/v1/frames/${first.frame}/verdict`, first.body);
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500 || error.status === 401) throw error;
      refused.push({ ...first, reason: error.message });
    }
    keep(waiting().filter((one) => one.body.request !== first.body.request));
  }
  return refused;
}
