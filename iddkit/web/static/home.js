import { call, say } from "./api.js";

async function next(stage) {
  try {
    const { frame } = await call("POST", "/api/v1/tasks/next", { stage: stage ?? null });
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
  if (event.key === "n" && !event.ctrlKey && !event.metaKey && !event.altKey) next();
});
