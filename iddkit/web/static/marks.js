// The marks of a frame: what a reviewer found, where, and how bad it is.

import { make } from "./api.js";
import { list, placeOf, wordsOf } from "./description.js";

const $ = (id) => document.getElementById(id);

let marks = [];
let changed = () => {};

export function onChange(listener) {
  changed = listener;
}

export function all() {
  return marks;
}

// Shows others in their place.
export function put(others) {
  marks = others;
  show();
}

// Adds what the fields say, of an object or region.
export function add(place) {
  const one = { reason: $("reason").value, label: $("label").value.trim(), text: $("words").value.trim(), ...place };
  if ($("severity").value) one.severity = $("severity").value;
  empty();
  put([...marks, one]);
  changed();
}

export function drop(one = marks.at(-1) ?? null) {
  if (!one || $("verdict").hidden) return;
  put(marks.filter((other) => other !== one));
  changed();
}

// Empties the fields.
export function empty() {
  $("label").value = $("words").value = $("severity").value = "";
}

// Whether there is one with which a frame fails; `reasons` have the usual severities.
export function haveGrave(reasons) {
  const usual = new Map(reasons.map(({ code, severity }) => [code, severity]));
  return marks.some((one) => (one.severity ?? usual.get(one.reason)) !== "minor");
}

function show() {
  const item = (one) => make("li", {}, `${wordsOf(one)}${placeOf(one)} `, make("button", { type: "button", onclick: () => drop(one) }, "remove"));
  list("marks", marks.map(item));
}
