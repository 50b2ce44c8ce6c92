// The review of a frame: what is seen, what is marked, the verdict, and the next one.

import { call, make, say } from "./api.js";
import { View } from "./canvas.js";
import { ahead, load } from "./frames.js";
import * as outbox from "./outbox.js";

const $ = (id) => document.getElementById(id);
const REVIEWED = ["qc1", "qc2", "qc3", "qc4", "recheck"];

const state = { frame: null, marks: [], verdict: null, region: null, began: Date.now() };
const view = new View($("view"), choose);

function choose({ number = null, region = null }) {
  state.region = region;
  view.regions = region ? [region] : [];
  view.choose(number);
  const shape = state.frame.shapes.find((one) => one.number === number);
  $("target").textContent = shape
    ? `object ${number}, ${shape.label}`
    : region
      ? `region at ${region[0]}, ${region[1]}`
      : "the whole frame";
}

view.pointed = ({ x, y, number }) => {
  const shape = state.frame?.shapes.find((one) => one.number === number);
  $("pointed").textContent = shape ? `${x}, ${y}: ${shape.label} (object ${number})` : `${x}, ${y}`;
};

async function open(number) {
  let loaded;
  try {
    loaded = await load(number);
  } catch (error) {
    say(error.message, true);
    return;
  }
  Object.assign(state, { frame: loaded.frame, marks: [], verdict: null, region: null, began: Date.now() });
  view.regions = [];
  view.show(loaded);
  show(loaded.frame);
  ahead().catch(() => {});
}

function show(frame) {
  document.title = `${frame.key} - review`;
  $("key").textContent = frame.key;
  const by = frame.by ? `, revision ${frame.revision} by ${frame.by}` : "";
  $("standing").textContent = `${frame.stage}${by}${frame.claimed ? "" : "; not claimed by you"}`;
  if (frame.problem) say(frame.problem, true);
  list("failures", frame.failures.flatMap((one) => one.marks.map((mark) => item(`${one.stage} ${one.by}: ${mark.reason}`, mark))));
  const found = frame.findings.map((one) => item(`${one.severity}: ${one.rule}: ${one.text}`, one, one.severity));
  const gaps = frame.gaps.map((one) => item(`gap of ${one.area} px`, one, "minor"));
  list("findings", [...found, ...gaps]);
  const isReview = frame.claimed && REVIEWED.includes(frame.stage);
  $("verdict").hidden = !isReview;
  $("handin").hidden = isReview || !frame.claimed;
  $("release").hidden = !frame.claimed;
  $("download").hidden = !frame.revision;
  $("download").href = `/api/v1/frames/${frame.id}/annotation`;
  $("questions").replaceChildren(
    make("legend", {}, "Questions"),
    ...frame.questions.map((asked) => make("label", {}, make("input", { type: "checkbox", value: asked.code }), ` ${asked.text}`)),
  );
  $("questions").hidden = !frame.questions.length;
  $("reason").replaceChildren(
    ...frame.reasons.map((one) => make("option", { value: one.code }, `${one.code}: ${one.text}`)),
  );
  $("labels").replaceChildren(...[...new Set(frame.shapes.map((one) => one.label))].map((value) => make("option", { value })));
  $("count").textContent = frame.shapes.length;
  $("shapes").replaceChildren(...frame.shapes.map(shapeItem));
  choose({});
  showMarks();
  showVerdict();
}

function shapeItem(shape) {
  const how = shape.deleted ? ", deleted" : shape.dropped ? `, not drawn: ${shape.dropped}` : shape.pixels ? "" : ", hidden";
  const go = make("button", { type: "button", class: "link", onclick: () => jump(shape.number, null) }, `${shape.label}${how}`);
  const chip = make("span", { class: "chip" });
  chip.style.background = shape.color;
  return make("li", { value: shape.number }, chip, go);
}

function item(text, one, severity = "") {
  const number = one.object ?? one.shape ?? null;
  const go = make("button", { type: "button", class: `link ${severity}`, onclick: () => jump(number, one.region ?? null) }, text);
  return make("li", {}, go);
}

function list(id, items) {
  $(id).querySelector("ul").replaceChildren(...items);
  $(id).hidden = !items.length;
}

function jump(number, region) {
  const shape = state.frame.shapes.find((one) => one.number === number);
  const points = shape?.outlines.flat() ?? [];
  const around = region ?? (points.length ? bounds(points) : null);
  choose({ number });
  view.regions = region ? [region] : [];
  if (around) view.go(around);
}

function bounds(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

function mark() {
  const one = { reason: $("reason").value, label: $("label").value.trim(), text: $("words").value.trim() };
  if ($("severity").value) one.severity = $("severity").value;
  if (view.chosen !== null) one.shape = view.chosen;
  else if (state.region) one.region = state.region;
  state.marks.push(one);
  $("label").value = $("words").value = "";
  showMarks();
}

function showMarks() {
  list(
    "marks",
    state.marks.map((one, place) => {
      const where = one.shape !== undefined ? `, object ${one.shape}` : one.region ? `, at ${one.region[0]}, ${one.region[1]}` : "";
      const drop = () => {
        state.marks.splice(place, 1);
        showMarks();
      };
      return make("li", {}, `${one.reason}${where} `, make("button", { type: "button", onclick: drop }, "remove"));
    }),
  );
}

// The verdict is kept in the page until 'next': until then it can be undone.
function decide(verdict) {
  if ($("verdict").hidden) return;
  if (verdict === "fail" && !state.marks.length) mark();
  state.verdict = verdict;
  showVerdict();
}

function showVerdict() {
  $("next").disabled = $("undo").disabled = state.verdict === null;
  $("pass").setAttribute("aria-pressed", state.verdict === "pass");
  $("fail").setAttribute("aria-pressed", state.verdict === "fail");
}

function undo() {
  state.verdict = null;
  showVerdict();
}

async function next() {
  if (state.verdict !== null) {
    const answers = {};
    // What was not ticked was not answered: nothing is put into anyone's mouth.
    for (const box of $("questions").querySelectorAll("input:checked")) answers[box.value] = true;
    const seconds = Math.min(Math.round((Date.now() - state.began) / 1000), 24 * 3600);
    const { verdict, marks, frame } = state;
    outbox.put(frame.id, { verdict, revision: frame.revision, marks, answers, seconds, text: "" });
    undo();
  }
  await goOn();
}

async function goOn() {
  try {
    const refused = await outbox.send();
    if (refused.length) {
      say(refused.map((one) => one.reason).join("; "), true);
      if (refused.some((one) => one.frame === state.frame?.id)) return;
    } else say("");
    const { frame } = await call("POST", "/api/v1/tasks/next", { stage: null });
    if (frame === null) {
      location.assign("/");
      return;
    }
    history.pushState({}, "", `/frames/${frame.id}`);
    await open(frame.id);
  } catch (error) {
    say(`Not sent: ${error.message}. It is kept here and sent when the server answers again.`, true);
    setTimeout(() => outbox.waiting().length && goOn(), 3000);
  }
}

async function handIn() {
  const [file] = $("file").files;
  if (!file) return;
  const { id, revision } = state.frame;
  const query = new URLSearchParams({ name: file.name, base: revision });
  try {
    const said = await call("POST", `/api/v1/frames/${id}/annotation?${query}`, file);
    const found = said.findings.length ? `${said.findings.length} findings` : "no findings";
    const what = said.conflict ? `kept as revision ${said.handed_in}, which does not count: ${said.conflict}` : `revision ${said.handed_in}`;
    await open(id);
    say(`${what}, ${said.shapes} objects, ${found}; now at ${said.stage}`, Boolean(said.conflict));
  } catch (error) {
    say(error.message, true);
  }
  $("file").value = "";
}

async function release() {
  try {
    await call("POST", `/api/v1/frames/${state.frame.id}/release`);
    location.assign("/");
  } catch (error) {
    say(error.message, true);
  }
}

function toggle(name) {
  view.shows[name] = !view.shows[name];
  $(name).setAttribute("aria-pressed", view.shows[name]);
  if (name === "alone") view.colour();
  view.draw();
}

function fade(step) {
  $("opacity").value = Number($("opacity").value) + step;
  view.opacity = $("opacity").value / 100;
  view.draw();
}

let place = -1;
function jumpOn(step) {
  const items = [...$("findings").querySelectorAll("button")];
  if (!items.length) return;
  place = (place + step + items.length) % items.length;
  items[place].click();
  items[place].scrollIntoView({ block: "nearest" });
}

const KEYS = {
  p: ["pass", () => decide("pass")],
  x: ["fail, with the reason that is chosen", () => decide("fail")],
  n: ["next: send the verdict and take another frame", next],
  u: ["undo the verdict", undo],
  m: ["mark the object or region that is chosen", mark],
  o: ["labels on or off", () => toggle("overlay")],
  l: ["outlines", () => toggle("outline")],
  i: ["this label alone", () => toggle("alone")],
  f: ["fit", () => view.fit()],
  "+": ["larger", () => view.zoom(1.25)],
  "-": ["smaller", () => view.zoom(0.8)],
  "[": ["fainter labels", () => fade(-10)],
  "]": ["stronger labels", () => fade(10)],
  j: ["next finding", () => jumpOn(1)],
  k: ["finding before", () => jumpOn(-1)],
  h: ["home", () => location.assign("/")],
  "?": ["these keys", () => $("keys").showModal()],
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const found = KEYS[event.key];
  if (!found) return;
  event.preventDefault();
  found[1]();
});

for (const name of ["overlay", "outline", "alone"]) $(name).addEventListener("click", () => toggle(name));
$("opacity").addEventListener("input", () => fade(0));
$("fit").addEventListener("click", () => view.fit());
$("help").addEventListener("click", () => $("keys").showModal());
$("mark").addEventListener("click", mark);
$("pass").addEventListener("click", () => decide("pass"));
$("fail").addEventListener("click", () => decide("fail"));
$("undo").addEventListener("click", undo);
$("next").addEventListener("click", next);
$("file").addEventListener("change", handIn);
$("release").addEventListener("click", release);
$("verdict").addEventListener("submit", (event) => event.preventDefault());
$("keys").querySelector("dl").append(
  ...Object.entries(KEYS).flatMap(([key, [what]]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]),
  make("dt", {}, "shift + drag"),
  make("dd", {}, "choose a region"),
);

addEventListener("popstate", () => location.reload());
addEventListener("online", () => outbox.waiting().length && goOn());
outbox.send().catch(() => {});
open(Number(document.querySelector(".review").dataset.frame));
