// Requests to the server, and the words that tell how they went.

const csrf = document.body.dataset.csrf ?? "";

export class Refused extends Error {
  constructor(status, said) {
    super(words(said.detail));
    this.status = status;
    this.said = said;
  }
}

// Sends a request and returns the answer as JSON; throws Refused for an answer that is none, TypeError without a network.
// `survives` lets it go on when the page is left.
export async function call(method, path, body, survives = false) {
  const headers = { "X-CSRF-Token": csrf };
  const raw = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = raw ? "application/octet-stream" : "application/json";
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined || raw ? body : JSON.stringify(body),
    credentials: "same-origin",
    keepalive: survives,
  });
  if (answer.status === 401 && csrf) location.assign("/sign-in");
  const said = await answer.json().catch(() => null);
  // A proxy, or a page to sign in to the network, may answer in the server's place.
  if (said === null || (!answer.ok && !said.detail)) throw new Error(`${answer.status} ${answer.statusText}, not from the server`);
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

function words(detail) {
  if (detail.includes("X-CSRF-Token")) return "you signed in anew elsewhere: reload this page";
  if (Array.isArray(detail)) return detail.map((one) => `${one.loc?.at(-1) ?? ""}: ${one.msg}`).join("; ");
  return detail;
}

export function say(text, isBad = false) {
  const line = document.getElementById("message");
  line.textContent = text;
  line.classList.toggle("bad", isBad);
  line.hidden = !text;
}

// Has the next page of this tab say something.
export function sayNext(text) {
  sessionStorage.setItem("iddkit.said", text);
}

// Says what the page before had to say.
export function sayBefore() {
  const before = sessionStorage.getItem("iddkit.said");
  sessionStorage.removeItem("iddkit.said");
  if (before) say(before);
}

export function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside);
  return element;
}

// What has to be done before a person signs out; a failure of it keeps them here.
export const beforeLeaving = [];

document.getElementById("sign-out")?.addEventListener("click", async () => {
  try {
    for (const one of beforeLeaving) await one();
    await call("DELETE", "/api/v1/session");
    location.assign("/sign-in");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) location.assign("/sign-in");
    else say(`Not signed out: ${error.message}`, true);
  }
});
