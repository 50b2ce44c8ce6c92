// What was marked, answered and chosen of a frame, kept in this tab with the version that it is about.

const keyOf = (frame, revision) => `iddkit.draft.${document.body.dataset.owner}.${frame}.${revision}`;

// Keeps { marks, answers, verdict }; a browser that keeps nothing loses it with the page, and no more.
export function keep(frame, revision, { marks, answers, verdict = null }) {
  try {
    sessionStorage.setItem(keyOf(frame, revision), JSON.stringify({ marks, answers, verdict }));
  } catch {
    // full, or not allowed
  }
}

export function find(frame, revision) {
  return JSON.parse(sessionStorage.getItem(keyOf(frame, revision)) ?? "null");
}

export function drop(frame, revision) {
  sessionStorage.removeItem(keyOf(frame, revision));
}
