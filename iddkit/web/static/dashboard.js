import { call, say, sayBefore, sayNext } from "./api.js";

const form = document.getElementById("invite");

for (const one of document.querySelectorAll("form[method=post]")) one.hidden = false; // from now on they do what they say

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { name, path, hours } = await call("POST", "/api/v1/links", { name: form.elements.name.value });
    const shown = document.getElementById("link");
    shown.value = location.origin + path;
    shown.closest("label").hidden = false;
    shown.select();
    say(`A link for ${name}, good for ${hours} hours; earlier ones are void.`);
  } catch (error) {
    say(error.message, true);
  }
});

for (const button of document.querySelectorAll("button.act")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await call("POST", button.dataset.post);
      sayNext(`Done: ${button.ariaLabel}.`);
      location.reload();
    } catch (error) {
      say(error.message, true);
    }
  });
}

document.getElementById("plant")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { count, stage, reviewer } = event.target.elements;
  const wanted = { count: Number(count.value), stage: stage.value || null, reviewer: reviewer.value || null };
  try {
    const { plants, problems } = await call("POST", "/api/v1/plants", wanted);
    const left = Object.values(problems).length;
    sayNext(`Planted: ${plants.length}${left ? `; ${left} frames could not be spoiled` : ""}.`);
    location.reload();
  } catch (error) {
    say(error.message, true);
  }
});

sayBefore();
