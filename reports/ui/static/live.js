// Loads the part of a run in flight anew every few seconds, and the whole page when the run has ended.
const part = document.querySelector("[data-progress]");

async function renew() {
  try {
    const answer = await fetch(part.dataset.progress);
    if (answer.headers.has("X-Ended")) {
      location.reload();
      return;
    }
    if (answer.ok) part.innerHTML = await answer.text();
  } catch {
    // The server has ended: what was seen last stays.
  }
  setTimeout(renew, 1000 * part.dataset.seconds);
}

setTimeout(renew, 1000 * part.dataset.seconds);
