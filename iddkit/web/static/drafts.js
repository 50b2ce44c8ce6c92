// What was marked, answered and chosen of a frame, kept in this tab with the review and the file that it is about.

const keyOf = (frame, { stage, sha256 }) => `iddkit.draft.${document.body.dataset.owner}.${frame}.${stage}.${sha256}`;

// Keeps { marks, answers, verdict } of a frame, by number, as it was shown ({ stage, sha256 }); a browser that keeps nothing
// loses it with the page, and no more.
export function keep(frame, shown, { marks, answers = {}, verdict = null }) {
  try {
    sessionStorage.setItem(keyOf(frame, shown), JSON.stringify({ marks, answers, verdict }));
  } catch {
    // full, or not allowed
  }
}

export function find(frame, shown) {
  return JSON.parse(sessionStorage.getItem(keyOf(frame, shown)) ?? "null");
}

export function drop(frame, shown) {
  sessionStorage.removeItem(keyOf(frame, shown));
}
