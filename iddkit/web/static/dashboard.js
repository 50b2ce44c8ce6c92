import { call, say } from "./api.js";

const form = document.getElementById("invite");

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
