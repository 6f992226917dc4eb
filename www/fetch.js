// Fetches one trace for the page that opened this frame, and hands the bytes over as a file. It answers only its own origin.
const PART = 16 << 20;
const say = (message) => parent.postMessage({ moescope: "fetch", ...message }, location.origin);

function reason(response) {
  if (response.status === 401 || response.status === 403) {
    return `the host refuses (status ${response.status}): the data may be gated. Sign in there, download it, and drop the file here`;
  }
  if (response.status === 404) return "the host has no such file (status 404): look at the address again";
  return `the host answers with status ${response.status}`;
}

async function load(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal, mode: "cors", credentials: "omit", redirect: "follow", cache: "no-store" });
  } catch (error) {
    if (signal.aborted) return;
    // A browser does not tell one from the other.
    say({ error: "the host does not answer, or does not allow other sites to read its files (CORS). Download the file and drop it here" });
    return;
  }
  if (!response.ok) return say({ error: reason(response) });
  // The length of a compressed transfer is not that of the file.
  const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length") ?? 0);
  const reader = response.body.getReader();
  const blobs = [];
  let parts = [], held = 0, done = 0, told = 0;
  try {
    for (;;) {
      const { value, done: end } = await reader.read();
      if (value) {
        parts.push(value);
        held += value.length;
        done += value.length;
      }
      // Blobs may live on disk: a large trace is never in this page's memory at once.
      if (held >= PART || (end && held > 0)) {
        blobs.push(new Blob(parts));
        parts = [];
        held = 0;
      }
      if (end) break;
      if (performance.now() - told > 100) {
        told = performance.now();
        say({ done, total });
      }
    }
  } catch (error) {
    if (!signal.aborted) say({ error: `the transfer broke off after ${done} bytes (${error.message}). Try again` });
    return;
  }
  const path = decodeURIComponent(new URL(response.url || url, location.href).pathname);
  say({ file: new File(blobs, path.split("/").pop() || "trace") });
}

const stop = new AbortController();
addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== parent) return;
  if (event.data?.load) load(event.data.load, stop.signal);
  if (event.data?.cancel) stop.abort();
});
say({ ready: true });
