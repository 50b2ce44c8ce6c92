// The review of a frame: what is seen, what is marked, the verdict, and the next one.

import { pulse, workOn } from "./activity.js";
import { Refused, beforeLeaving, call, make, say, sayNext } from "./api.js";
import { View } from "./canvas.js";
import { SAMPLED, bounds, describe, listFindings } from "./description.js";
import * as drafts from "./drafts.js";
import { ahead, load } from "./frames.js";
import { leaveBy, listen } from "./keys.js";
import * as marks from "./marks.js";
import * as outbox from "./outbox.js";

const $ = (id) => document.getElementById(id);

const state = { frame: null, verdict: null, region: null, made: null };
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

// Shows a frame, if it is still wanted when it is there; throws if it cannot be had, and all stays as it was.
async function open(number, isWanted = () => true) {
  const loaded = await load(number);
  if (!isWanted()) return;
  Object.assign(state, { frame: loaded.frame, verdict: null, region: null, made: null });
  view.regions = [];
  view.show(loaded);
  show(loaded);
  workOn(loaded.frame.claimed ? number : null);
  restore(drafts.find(number, loaded.frame));
  ahead([...outbox.frames(), number]).catch(() => {});
}

function keepDraft() {
  const { frame, verdict } = state;
  drafts.keep(frame.id, frame, { marks: marks.all(), answers: answered(), verdict });
}

function restore(draft) {
  if (draft === null) return;
  for (const box of $("questions").querySelectorAll("input")) box.checked = draft.answers[box.value] ?? false;
  marks.put(draft.marks);
  if (!$("verdict").hidden) state.verdict = draft.verdict ?? null;
  showVerdict();
}

// What was not ticked was not answered: nothing is put into anyone's mouth.
function answered() {
  const boxes = [...$("questions").querySelectorAll("input:checked")];
  return Object.fromEntries(boxes.map((box) => [box.value, true]));
}

function show(loaded) {
  const { frame } = loaded;
  describe(loaded, { jump, answered: keepDraft, isStill: () => state.frame === frame });
  letJudge(frame.claimed && frame.step === "judge");
  $("handin").hidden = !frame.claimed || frame.step !== "hand in";
  $("take").hidden = frame.claimed || !frame.step;
  $("release").hidden = !frame.claimed;
  marks.empty();
  choose({});
  place = -1;
  marks.put([]);
  showVerdict();
}

function jump(number, region) {
  const shape = state.frame.shapes.find((one) => one.number === number);
  const around = region ?? (shape && bounds(shape));
  choose({ number });
  view.regions = region ? [region] : [];
  if (around) view.go(around);
}

// Marks what is chosen: an object, a region, or the whole frame.
function mark() {
  if ($("verdict").hidden) return;
  marks.add(view.chosen !== null ? { shape: view.chosen } : state.region ? { region: state.region } : {});
}

function decide(verdict) {
  if ($("verdict").hidden) return;
  if (verdict === "fail" && !marks.all().length) {
    mark();
    [state.made] = marks.all();
  }
  const problem = findProblem(verdict);
  if (problem) {
    say(problem, true);
    return;
  }
  say("");
  choosing(verdict);
}

function choosing(verdict) {
  state.verdict = verdict;
  showVerdict();
  keepDraft();
}

// Why a verdict would be refused, as far as the page can tell; "" if nothing is known.
function findProblem(verdict) {
  if (verdict === "fail") return marks.all().length ? "" : "A frame fails for a reason: mark one.";
  const { image, index } = view.loaded;
  if (!index || (state.frame.image && !image)) return "What is not shown cannot be passed: fail it, or give it back.";
  const isGrave = !SAMPLED.includes(state.frame.stage) && marks.haveGrave(state.frame.reasons);
  return isGrave ? "A frame with a major or critical mark fails: take the mark away, or fail it." : "";
}

function letJudge(may) {
  for (const id of ["verdict", "pass", "fail"]) $(id).hidden = !may;
  showVerdict();
}

function showVerdict() {
  $("next").disabled = state.verdict === null && !$("verdict").hidden;
  $("undo").disabled = state.verdict === null && !outbox.canTakeBack();
  $("pass").setAttribute("aria-pressed", state.verdict === "pass");
  $("fail").setAttribute("aria-pressed", state.verdict === "fail");
}

// Takes back the verdict on this frame, or else the one before, which is held until this one is given.
async function undo() {
  if (state.verdict !== null) {
    choosing(null);
    marks.drop(marks.all().find((one) => one === state.made) ?? null); // what failing had marked by itself
    return;
  }
  const [back] = outbox.takeBack();
  if (!back) {
    showVerdict();
    if (!$("verdict").hidden) say("There is no verdict that can be taken back.");
    return;
  }
  clearTimeout(retry);
  turn += 1;
  const mine = turn;
  const left = back.body.marks.filter((one) => one !== back.shown); // without what failing had marked by itself
  drafts.keep(back.frame, back.body, { ...back.body, marks: left, verdict: null });
  try {
    if (back.frame === state.frame.id) {
      letJudge(state.frame.claimed);
      restore(drafts.find(back.frame, back.body));
    } else {
      await open(back.frame, () => mine === turn);
      if (mine !== turn) return;
      history.pushState({}, "", `/frames/${back.frame}`);
    }
    say("The verdict was taken back.");
  } catch (error) {
    say(`The verdict was taken back, and its frame does not load: ${error.message}`, true);
  }
}

async function next() {
  if (state.verdict === null && !$("verdict").hidden) {
    say("Pass or fail comes first.");
    return;
  }
  if (state.verdict !== null) {
    const { verdict, frame } = state;
    const problem = findProblem(verdict);
    if (problem) {
      say(problem, true);
      return;
    }
    const { revision, sha256, stage } = frame;
    try {
      outbox.put([{ frame: frame.id, body: { verdict, stage, revision, sha256, marks: marks.all(), answers: answered(), text: "" }, shown: state.made }]);
    } catch (error) {
      say(`The browser does not keep the verdict: ${error.message}`, true);
      return;
    }
    drafts.drop(frame.id, frame);
    state.verdict = null;
    letJudge(false); // until it is known what is next
  }
  await goOn();
}

let retry = 0;
let turn = 0; // of going on: one that was overtaken, by undo perhaps, changes nothing any more

async function goOn() {
  clearTimeout(retry);
  turn += 1;
  const mine = turn;
  const isWanted = () => mine === turn;
  try {
    const refused = await outbox.send();
    if (!isWanted()) return;
    if (!outbox.tell(refused)) say("");
    const wanted = { stage: sessionStorage.getItem("iddkit.stage"), besides: outbox.frames() };
    const { frame } = await call("POST", "/api/v1/tasks/next", wanted);
    if (!isWanted()) return;
    if (frame === null) {
      // What was wanted is wanted no more: at home all of it can be seen.
      sayNext(wanted.stage ? `Nothing more to do at ${wanted.stage}.` : "Nothing more to do.");
      sessionStorage.removeItem("iddkit.stage");
      await leave();
      return;
    }
    const isSame = state.frame?.id === frame.id && state.frame.step === "hand in";
    await open(frame.id, isWanted);
    if (!isWanted()) return;
    if (!isSame) history.pushState({}, "", `/frames/${frame.id}`);
    else say("This frame is still yours: hand it in, or give it back, and another one comes.");
  } catch (error) {
    if (!isWanted()) return;
    if (error instanceof Refused && error.status < 500) {
      say(error.message, true);
      return;
    }
    say(`No answer: ${error.message}. Your verdict is kept here and sent when the server answers again.`, true);
    showVerdict();
    retry = setTimeout(goOn, 3000);
  }
}

async function leave() {
  const mine = turn; // who takes a verdict back stays
  try {
    await pulse();
    if (mine !== turn) return;
    const refused = await outbox.free();
    if (!outbox.tell(refused) && mine === turn) location.assign("/");
  } catch (error) {
    if (mine === turn) say(`Not sent: ${error.message}. It is kept here and sent when the server answers again.`, true);
  }
}

async function take() {
  try {
    await call("POST", `/api/v1/frames/${state.frame.id}/claim`);
    history.replaceState({}, "", location.pathname); // not to be taken again by going back
    await open(state.frame.id);
  } catch (error) {
    say(error.message, true);
  }
}

async function handIn() {
  const [file] = $("file").files;
  if (!file) return;
  const { id, revision } = state.frame;
  const query = new URLSearchParams({ name: file.name, base: revision });
  const minutes = Number($("minutes").value);
  if (minutes > 0) query.set("seconds", Math.round(minutes * 60));
  try {
    await pulse();
    const said = await send(`/api/v1/frames/${id}/annotation`, query, file);
    const found = said.finding_count ? `${said.finding_count} findings` : "no findings";
    const what = said.conflict ? `kept as revision ${said.handed_in}, which does not count: ${said.conflict}` : `revision ${said.handed_in}`;
    await open(id);
    say(`${what}, ${said.shapes} objects, ${found}; now at ${said.stage}`, Boolean(said.conflict));
    $("minutes").value = "";
  } catch (error) {
    say(error.message, true);
    // Their numbers are of objects of the file, which is not shown.
    if (error.said?.finding_count) listFindings("The machine says of the file", error.said, (one) => jump(null, one.region ?? null));
  }
  $("file").value = "";
  $("view").focus();
}

// Hands a file in; asks first if it is named after another frame.
async function send(path, query, file) {
  try {
    return await call("POST", `${path}?${query}`, file);
  } catch (error) {
    if (!error.said?.misnamed || !confirm(`${error.message}. Hand it in all the same?`)) throw error;
    query.set("anyway", "true");
    return call("POST", `${path}?${query}`, file);
  }
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

// Puts the focus on a field, if it is there to be filled in.
function fill(id) {
  if ($(id).checkVisibility()) $(id).focus();
}

function press(id) {
  if ($(id).checkVisibility()) $(id).click();
}

function answer(place) {
  if (!$("verdict").hidden) $("questions").querySelectorAll("input")[place]?.click();
}

function step(by) {
  const { shapes } = state.frame;
  if (!shapes.length) return;
  const from = shapes.findIndex((one) => one.number === view.chosen);
  jump(shapes[(from < 0 && by < 0 ? shapes.length - 1 : from + by + shapes.length) % shapes.length].number, null);
}

listen(
  {
    p: ["pass", () => decide("pass")],
    x: ["fail, with the reason that is chosen", () => decide("fail")],
    n: ["next: send the verdict and take another frame", next],
    u: ["undo the verdict, here or on the frame before", undo],
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
    ",": ["object before", () => step(-1)],
    ".": ["next object", () => step(1)],
    r: ["choose the middle of what is seen as a region", () => choose({ region: view.middle() })],
    t: ["take this frame", () => press("take")],
    b: ["give this frame back", () => press("release")],
    s: ["hand in a file", () => press("file")],
    y: ["minutes spent elsewhere", () => fill("minutes")],
    d: ["download the annotation", () => press("download")],
    c: ["choose the reason; back by Enter", () => fill("reason")],
    v: ["choose the severity", () => fill("severity")],
    g: ["what it ought to be; back by Enter", () => fill("label")],
    w: ["words; Enter marks", () => fill("words")],
    Backspace: ["take the last mark away", () => marks.drop()],
    e: ["list of objects", () => ($("objects").open = !$("objects").open)],
    h: ["home", leave],
    ...Object.fromEntries([..."123456789"].map((key, place) => [key, ["", () => answer(place)]])),
    ArrowLeft: ["", () => view.move(1, 0)],
    ArrowRight: ["", () => view.move(-1, 0)],
    ArrowUp: ["", () => view.move(0, 1)],
    ArrowDown: ["", () => view.move(0, -1)],
  },
  { "1 ... 9": ["tick a question"], "← ↑ → ↓": ["move"], "shift + drag": ["choose a region"] },
  (key) => state.frame !== null || "h?".includes(key),
);

marks.onChange(keepDraft);
for (const name of ["overlay", "outline", "alone"]) $(name).addEventListener("click", () => toggle(name));
$("opacity").addEventListener("input", () => fade(0));
$("fit").addEventListener("click", () => view.fit());
$("mark").addEventListener("click", mark);
$("pass").addEventListener("click", () => decide("pass"));
$("fail").addEventListener("click", () => decide("fail"));
$("undo").addEventListener("click", undo);
$("next").addEventListener("click", next);
$("file").addEventListener("change", handIn);
$("release").addEventListener("click", release);
$("take").addEventListener("click", take);
for (const id of ["verdict", "handin"]) $(id).addEventListener("submit", (event) => event.preventDefault());
$("words").addEventListener("keydown", (event) => event.key === "Enter" && mark());
for (const field of [$("label"), $("words"), $("reason"), $("severity"), $("minutes")]) leaveBy(field, () => $("view").focus());
addEventListener("popstate", () => location.reload());
beforeLeaving.push(async () => {
  await pulse();
  const refused = await outbox.free();
  if (refused.length) throw new Error(refused.map((one) => one.reason).join("; "));
});
outbox.send().then(outbox.tell, () => {});
open(Number(document.querySelector(".review").dataset.frame)).then(
  () => location.hash === "#take" && !$("take").hidden && take(),
  (error) => say(error.message, true),
);
