import { call, say } from "./api.js";

const form = document.getElementById("sign-in");

// Until now nothing could be sent: by itself the browser would send it elsewhere.
form.querySelector("button").disabled = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = Object.fromEntries(new FormData(form));
  if (form.dataset.target.endsWith("/link")) body.token = location.hash.slice(1);
  try {
    await call("POST", form.dataset.target, body);
    location.assign("/");
  } catch (error) {
    say(error.message, true);
  }
});
