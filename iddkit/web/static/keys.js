// Keys of a page: a table of key, words, action; `?` shows it.

import { make } from "./api.js";

// What is pressed again while a key is held down.
const REPEATED = /^(Arrow.*|[-+[\],.jk])$/;

const dialog = document.getElementById("keys");

// Listens to the keys of `table` ({ key: [words, action] }), except where somebody types. `more` is only shown.
export function listen(table, more = {}, isReady = () => true) {
  const keys = { ...table, "?": ["these keys", () => dialog.showModal()] };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=range], [type=file]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.key.startsWith("Arrow") && event.target.matches("input")) return;
    // A button that has the focus is pressed by these two.
    if ([" ", "Enter"].includes(event.key) && event.target.matches("button, a, summary, input")) return;
    const found = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!found || (event.repeat && !REPEATED.test(event.key)) || !isReady(event.key)) return;
    event.preventDefault();
    found[1]();
  });
  const shown = Object.entries({ ...keys, ...more }).filter(([, [words]]) => words);
  const names = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space", Backspace: "⌫" };
  dialog.querySelector("dl").append(
    ...shown.flatMap(([key, [words]]) => [make("dt", {}, make("kbd", {}, names[key] ?? key)), make("dd", {}, words)]),
  );
  document.getElementById("help").addEventListener("click", () => dialog.showModal());
}

// From a field back to where keys are listened to: by Enter or Escape, and when something was chosen by mouse.
export function leaveBy(field, back) {
  let isMouse = false;
  field.addEventListener("pointerdown", () => (isMouse = true));
  field.addEventListener("keydown", (event) => {
    isMouse = false;
    if (["Enter", "Escape"].includes(event.key)) back();
  });
  if (field.matches("select")) field.addEventListener("change", () => isMouse && back());
}
