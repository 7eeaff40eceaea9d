// Fetches the page again and again while it is looked at, and puts its new content in place.
"use strict";
const every = 2000;
let timer;
async function renew() {
  clearTimeout(timer);
  if (document.hidden) return;
  const root = document.documentElement;
  try {
    const response = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!response.ok) throw response.status;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of ["header", "main"]) {
      document.querySelector(part).replaceWith(page.querySelector(part));
    }
    document.title = page.title;
    root.classList.remove("lost");
  } catch {
    root.classList.add("lost");
  }
  timer = setTimeout(renew, every);
}
document.addEventListener("visibilitychange", renew);
timer = setTimeout(renew, every);
