// Many frames side by side: passed, failed or opened by keys alone.

import { pulse, workOn } from "./activity.js";
import { Refused, beforeLeaving, call, make, say } from "./api.js";
import * as drafts from "./drafts.js";
import { leaveBy, listen } from "./keys.js";
import * as outbox from "./outbox.js";

const $ = (id) => document.getElementById(id);
const stage = document.querySelector(".grid").dataset.stage;
const COUNT = 12;

let tiles = []; // { frame, verdict, marks }, and once it is shown: item, element, word, isShown
let at = 0;
let retry = 0;
let turn = 0; // of filling: one that was overtaken, by undo perhaps, changes nothing any more

async function fill() {
  clearTimeout(retry);
  turn += 1;
  const mine = turn;
  try {
    const refused = await outbox.send();
    if (mine !== turn) return;
    if (!outbox.tell(refused)) say("");
    const { frames } = await call("POST", "/api/v1/tasks/several", { stage, count: COUNT, besides: outbox.frames() });
    if (mine !== turn) return;
    if (!frames.length) {
      // Nothing follows that could be finished: what is held has to go.
      if (!outbox.tell(await outbox.free())) say(`Nothing to do at ${stage}.`);
    }
    // Those that were there before may have been judged meanwhile.
    const before = new Map(tiles.map((tile) => [nameOf(tile.frame), tile]));
    const chosen = tiles[at];
    const found = frames.map((frame) => before.get(nameOf(frame)) ?? { frame, verdict: null, marks: [] });
    // A verdict must not fall on another frame than the one that was chosen when its key was pressed.
    show(found, Math.max(0, found.indexOf(chosen)));
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused && error.status < 500) {
      say(error.message, true);
      return;
    }
    say(`No answer: ${error.message}. Your verdicts are kept here and sent when the server answers again.`, true);
    retry = setTimeout(fill, 3000);
  }
}

// Frame and file: the picture of another file has another address, as browsers do not ask twice for one.
function nameOf({ id, sha256 }) {
  return `${id}/thumbnail?of=${sha256}`;
}

function show(found, place = 0) {
  tiles = found;
  for (const tile of tiles) tile.element?.setAttribute("tabindex", -1);
  $("tiles").replaceChildren(...tiles.map(tileOf));
  focus(place);
  update();
}

function tileOf(tile) {
  if (tile.item) return tile.item;
  tile.isShown = false;
  const shown = (is) => () => {
    tile.isShown = is;
    tile.element.dataset.shown = is;
    update();
  };
  const src = `/api/v1/frames/${nameOf(tile.frame)}`;
  const picture = make("img", { src, alt: "", onload: shown(true), onerror: shown(false) });
  const button = make("button", { type: "button", class: "tile", tabindex: -1, onclick: () => { focus(tiles.indexOf(tile)); toggle(); } });
  tile.word = make("span", { class: "word" });
  button.append(picture, make("span", { class: "key" }, tile.frame.key), tile.word);
  tile.element = button;
  tile.item = make("li", {}, button);
  return tile.item;
}

function update() {
  for (const { element, verdict, marks, word } of tiles) {
    element.dataset.verdict = verdict ?? "";
    const unseen = element.dataset.shown === "false" ? "cannot be shown" : "";
    word.textContent = verdict === "fail" ? `fail: ${marks[0].reason}` : (verdict ?? unseen);
  }
  const done = tiles.filter((tile) => tile.verdict).length;
  $("count").textContent = `${done} of ${tiles.length}`;
  $("undo").disabled = !done && !outbox.canTakeBack();
  $("next").disabled = $("all").disabled = !tiles.length;
}

function focus(place) {
  if (!tiles.length) {
    workOn(null);
    return;
  }
  tiles[at]?.element.setAttribute("tabindex", -1);
  at = Math.min(Math.max(place, 0), tiles.length - 1);
  const { element, frame } = tiles[at];
  element.setAttribute("tabindex", 0);
  element.focus();
  workOn(frame.id);
}

function columns() {
  const tops = tiles.map((tile) => tile.element.offsetTop);
  return Math.max(1, tops.filter((top) => top === tops[0]).length);
}

// Nobody passes what they have not seen.
function mayPass(tile) {
  if (!tile.isShown) say("This frame is not shown: open it, or fail it.", true);
  return tile.isShown;
}

function judge(verdict) {
  if (!tiles.length || (verdict === "pass" && !mayPass(tiles[at]))) return;
  const marks = verdict === "fail" ? [{ reason: $("reason").value }] : [];
  Object.assign(tiles[at], { verdict, marks });
  update();
  focus(at + 1);
}

function toggle() {
  if (!tiles.length || (!tiles[at].verdict && !mayPass(tiles[at]))) return;
  Object.assign(tiles[at], { verdict: tiles[at].verdict ? null : "pass", marks: [] });
  update();
}

function passOthers() {
  for (const tile of tiles) if (!tile.verdict && tile.isShown) tile.verdict = "pass";
  const unseen = tiles.filter((tile) => !tile.verdict).length;
  if (unseen) say(`${unseen} that are not shown are left out.`, true);
  update();
}

// Takes back a verdict of this page: the one of the chosen frame, or all of the page before.
function undo() {
  const tile = tiles[at];
  if (tile?.verdict) {
    Object.assign(tile, { verdict: null, marks: [] });
    update();
    return;
  }
  const back = outbox.takeBack();
  if (!back.length) return;
  clearTimeout(retry);
  turn += 1;
  const before = back.map(({ body, shown }) => ({ frame: shown, verdict: body.verdict, marks: body.marks }));
  show([...before, ...tiles]);
  say("The verdicts of the page before were taken back.");
}

function give(judged) {
  const verdicts = judged.map(({ frame, verdict, marks }) => {
    const { revision, sha256 } = frame;
    return { frame: frame.id, shown: frame, body: { verdict, marks, stage, revision, sha256 } };
  });
  if (!verdicts.length) return true;
  try {
    outbox.put(verdicts);
  } catch (error) {
    say(`The browser does not keep the verdicts: ${error.message}`, true);
    return false;
  }
  show(tiles.filter((tile) => !judged.includes(tile)));
  return true;
}

async function next() {
  const judged = tiles.filter((tile) => tile.verdict);
  if (tiles.length && !judged.length) {
    say("Pass or fail comes first.");
    return;
  }
  if (give(judged)) await fill();
}

// The frame itself, to be looked at closely; what was judged here goes on its way.
function open() {
  const tile = tiles[at];
  if (!tile || !give(tiles.filter((other) => other.verdict && other !== tile))) return;
  const { frame, verdict, marks } = tile;
  if (verdict) drafts.keep(frame.id, { ...frame, stage }, { marks, verdict });
  tile.verdict = null; // it is given there
  sessionStorage.setItem("iddkit.stage", stage);
  location.assign(`/frames/${frame.id}`);
}

async function leave() {
  try {
    await rest();
    location.assign("/");
  } catch (error) {
    say(error.message, true);
  }
}

// Gives back what is not judged, so that others can have it.
async function giveBack() {
  try {
    for (const { frame } of tiles.filter((tile) => !tile.verdict)) await call("POST", `/api/v1/frames/${frame.id}/release`);
    await leave();
  } catch (error) {
    say(error.message, true);
  }
}

async function rest() {
  if (!give(tiles.filter((tile) => tile.verdict))) throw new Error("the verdicts are still here");
  await pulse();
  const refused = await outbox.free();
  if (refused.length) throw new Error(refused.map((one) => one.reason).join("; "));
}

listen({
  ArrowLeft: ["frame before", () => focus(at - 1)],
  ArrowRight: ["next frame", () => focus(at + 1)],
  ArrowUp: ["frame above", () => focus(at - columns())],
  ArrowDown: ["frame below", () => focus(at + columns())],
  p: ["pass", () => judge("pass")],
  x: ["fail, with the reason that is chosen", () => judge("fail")],
  a: ["pass all others of this page", passOthers],
  c: ["choose the reason; back by Enter", () => $("reason").focus()],
  o: ["open the frame", open],
  u: ["undo: of this frame, or the page before", undo],
  n: ["next: send the verdicts and take more frames", next],
  b: ["give back what is not judged, and go home", giveBack],
  h: ["home", leave],
}, { " ": ["pass, or not"] });

leaveBy($("reason"), () => focus(at));
$("all").addEventListener("click", passOthers);
$("undo").addEventListener("click", undo);
$("next").addEventListener("click", next);
beforeLeaving.push(rest);
outbox.beforeHiding.push(() => give(tiles.filter((tile) => tile.verdict))); // however the page is left
fill();
