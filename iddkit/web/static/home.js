import { beforeLeaving, call, say, sayBefore } from "./api.js";
import * as outbox from "./outbox.js";

async function next(stage) {
  try {
    // Which stage is wanted holds until it is chosen anew.
    if (stage) sessionStorage.setItem("iddkit.stage", stage);
    else sessionStorage.removeItem("iddkit.stage");
    if (outbox.tell(await outbox.send())) return;
    const { frame } = await call("POST", "/api/v1/tasks/next", { stage: stage ?? null, besides: outbox.frames() });
    if (frame === null) say("Nothing to do.");
    else location.assign(`/frames/${frame.id}`);
  } catch (error) {
    say(error.message, true);
  }
}

for (const button of document.querySelectorAll("button.next")) {
  button.addEventListener("click", () => next(button.dataset.stage));
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") next();
  else if (/^[1-9]$/.test(event.key)) document.querySelectorAll("button.next[data-stage]")[event.key - 1]?.click();
});

sessionStorage.removeItem("iddkit.stage"); // which stage is wanted is chosen here

sayBefore();

// Verdicts of a page that was left before the server had answered.
async function sendRest() {
  if (!outbox.due().length) return;
  const refused = await outbox.send();
  if (!outbox.tell(refused)) location.reload(); // what is listed has changed
}
beforeLeaving.push(sendRest);
sendRest().catch((error) => say(`Not sent yet: ${error.message}`, true));
