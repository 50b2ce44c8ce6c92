// What is said of a frame beside its picture.

import { call, make } from "./api.js";

const $ = (id) => document.getElementById(id);
export const SAMPLED = ["qc3", "qc4"];

// Writes it; `jump` goes to an object or region, `answered` is told of answers, `isStill` says whether it is still shown.
export function describe({ frame, problems }, { jump, answered, isStill }) {
  document.title = `${frame.key} - review`;
  $("key").textContent = frame.key;
  const by = frame.by ? `, revision ${frame.revision} by ${frame.by}` : "";
  $("standing").textContent = `${frame.stage}${by}${frame.claimed ? "" : "; not claimed by you"}`;
  describeSample(frame, isStill);
  $("problem").textContent = problems.join(" ");
  $("problem").hidden = !problems.length;
  const marked = (one, mark) => jumpItem(`${one.stage} ${one.by}: ${wordsOf(mark)}${placeOf(mark)}`, () => jump(mark.shape ?? null, mark.region ?? null));
  list("failures", frame.failures.flatMap((one) => one.marks.map((mark) => marked(one, mark))));
  listFindings("The machine says", frame, (one) => jump(one.object ?? null, one.region ?? null));
  $("download").hidden = !frame.annotation;
  $("download").href = frame.annotation ?? "#";
  $("questions").replaceChildren(
    make("legend", {}, "Questions (tick what you looked at)"),
    ...frame.questions.map((asked, place) => make("label", {}, make("input", { type: "checkbox", value: asked.code, onchange: answered }), " ", make("kbd", {}, `${place + 1}`), ` ${asked.text}`)),
  );
  $("questions").hidden = !frame.questions.length;
  $("reason").replaceChildren(...frame.reasons.map((one) => make("option", { value: one.code }, `${one.code}: ${one.text}`)));
  $("labels").replaceChildren(...frame.labels.map((value) => make("option", { value })));
  $("count").textContent = frame.shapes.length;
  $("shapes").replaceChildren(...frame.shapes.map((shape) => shapeItem(shape, jump)));
}

function jumpItem(text, go, kind = "") {
  return make("li", {}, make("button", { type: "button", class: `link ${kind}`, onclick: go }, text));
}

// Lists what the machine found: of a frame, or of a file that was refused. A long list is cut by the server.
export function listFindings(title, said, go) {
  $("findings-title").textContent = title;
  const found = said.findings.map((one) => jumpItem(`${one.severity}: ${one.rule}: ${one.object === null ? "" : `object ${one.object}: `}${one.text}`, () => go(one), one.severity));
  const gaps = said.gaps.map((one) => jumpItem(`gap of ${one.area} px`, () => go(one), "minor"));
  const more = said.finding_count + said.gap_count - found.length - gaps.length;
  list("findings", [...found, ...gaps, ...(more ? [make("li", {}, `... and ${more} more`)] : [])]);
}

// How far the sealed sample is that the frame belongs to.
async function describeSample(frame, isStill) {
  $("sample").hidden = true;
  if (!SAMPLED.includes(frame.stage)) return;
  const { sample } = await call("GET", `/api/v1/batches/${frame.batch}/sample`).catch(() => ({ sample: null }));
  if (!sample || !isStill()) return;
  $("sample").textContent = `${sample.judged} of ${sample.n} looked at, ${sample.bad} bad, ${sample.c} allowed: ${sample.remains}.`;
  $("sample").hidden = false;
}

function shapeItem(shape, jump) {
  const how = shape.deleted ? ", deleted" : shape.dropped ? `, not drawn: ${shape.dropped}` : shape.pixels ? "" : ", hidden";
  const go = make("button", { type: "button", class: "link", onclick: () => jump(shape.number, null) }, `${shape.label}${how}`);
  const chip = make("span", { class: "chip" });
  chip.style.background = shape.color;
  return make("li", { value: shape.number }, chip, go);
}

// Fills a list of the page; without items it is hidden.
export function list(id, items) {
  $(id).querySelector("ul").replaceChildren(...items);
  $(id).hidden = !items.length;
}

export function wordsOf(mark) {
  const ought = mark.label ? `, ought to be ${mark.label}` : "";
  const severity = mark.severity ? ` (${mark.severity})` : "";
  return `${mark.reason}${severity}${ought}${mark.text ? `: ${mark.text}` : ""}`;
}

export function placeOf({ shape, region }) {
  return shape !== undefined ? `, object ${shape}` : region ? `, at ${region[0]}, ${region[1]}` : "";
}

// The box around an object: x, y, width and height; null for one without an outline.
export function bounds(shape) {
  const points = shape.outlines.flat();
  if (!points.length) return null;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
  }
  return [left, top, right - left, bottom - top];
}
