// What is done to a batch as a whole. The server decides whether it can be.

import { call, say } from "./api.js";

const { batch, name } = document.getElementById("batch").dataset;
const ASKED = {
  freeze: `Freeze batch ${name}? Its list is then fixed.`,
  sample: `Draw and seal the sample of batch ${name}?`,
  conclude: `Conclude the stage of batch ${name}? It cannot be taken back.`,
};

for (const [step, question] of Object.entries(ASKED)) {
  const form = document.getElementById(step);
  if (form) form.hidden = false; // from now on it does what it says
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!confirm(question)) return;
    const filled = [...new FormData(form)].filter(([, value]) => value.trim());
    try {
      await call("POST", `/api/v1/batches/${batch}/${step}`, Object.fromEntries(filled));
      location.reload();
    } catch (error) {
      say(error.message, true);
    }
  });
}
