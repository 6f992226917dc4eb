// Works with the network off after one visit. Every file of one build is in one cache; a new build waits until the reader
// takes it, so a running analysis is never cut off. The build fills in the two lines below (scripts/stamp.mjs).
const VERSION = "__VERSION__";
const FILES = ["__FILES__"];
const CACHE = `moescope-${VERSION}`;

self.addEventListener("install", (event) => {
  // Past the browser's own cache: files of two builds must never mix.
  const all = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(all)));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("moescope-") && name !== CACHE;
  const clean = caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))));
  event.waitUntil(clean.then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const own = new URL(event.request.url).origin === self.location.origin;
  if (event.request.method !== "GET" || !own) return;
  const kept = caches.open(CACHE).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((found) => found ?? fetch(event.request)));
});
