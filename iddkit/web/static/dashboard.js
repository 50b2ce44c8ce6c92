import { call, say } from "./api.js";

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

document.getElementById("plant")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { count, stage, reviewer } = event.target.elements;
  const wanted = { count: Number(count.value), stage: stage.value || null, reviewer: reviewer.value || null };
  try {
    const { plants, problems } = await call("POST", "/api/v1/plants", wanted);
    const left = Object.values(problems).length;
    say(`Planted: ${plants.map((one) => `${one.reason} in ${one.frame}`).join("; ")}${left ? `; ${left} frames could not be spoiled` : ""}.`);
  } catch (error) {
    say(error.message, true);
  }
});
