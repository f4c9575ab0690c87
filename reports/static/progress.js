// Replaces the parts of the page of progress that have changed; without scripts the page reloads itself.
"use strict";
const EVERY = 2000, HIDDEN = 15000; // ms
async function refresh() {
  let text = "";
  try {
    const answer = await fetch("/", {cache: "no-store"});
    if (answer.ok) text = await answer.text();
  } catch (error) { /* the server has ended: said below */ }
  document.getElementById("lost").hidden = text !== "";
  if (text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (now && now.innerHTML !== part.innerHTML) part.innerHTML = now.innerHTML;
    }
    document.title = fresh.title;
  }
  setTimeout(refresh, document.hidden ? HIDDEN : EVERY);
}
setTimeout(refresh, EVERY);
