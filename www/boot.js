// Starts the page. A file of its own, because the Content-Security-Policy forbids inline scripts.
const script = document.querySelector("script[data-js]");
const boot = document.getElementById("boot");
// The first two workers load while the page's own code does. The page takes them over with what they have said so far.
globalThis.moescopeWorkers = [0, 1].map(() => {
  const worker = new Worker("worker_loader.js", { type: "module" });
  worker.heard = [];
  worker.onmessage = (event) => worker.heard.push(event.data);
  worker.onerror = () => (worker.failed = true);
  return worker;
});
try {
  const base = document.baseURI;
  const bindings = await import(new URL(script.dataset.js, base));
  await bindings.default({ module_or_path: new URL(script.dataset.wasm, base) });
  boot?.remove();
} catch (error) {
  const why = location.protocol === "file:"
    ? "Browsers load WebAssembly only over HTTP: serve this folder (for example: python3 -m http.server) and open that address."
    : "It needs WebAssembly with SIMD (Chrome 91, Firefox 89, Safari 16.4 or newer).";
  if (boot) boot.textContent = `moescope could not start. ${why} (${error})`;
  throw error;
}

// Offline, once the page is up. Without HTTPS (but for localhost) browsers have no service workers, and nothing is lost.
if ("serviceWorker" in navigator) {
  try {
    // Fetching every file once more must not compete with the first figures.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const registration = await navigator.serviceWorker.register("sw.js");
    const offer = () => {
      // A first visit has no older version that the new one would replace.
      if (registration.waiting && navigator.serviceWorker.controller) dispatchEvent(new Event("moescope-update"));
    };
    offer();
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
    addEventListener("moescope-reload", () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
      registration.waiting?.postMessage("take over");
    });
  } catch (error) {
    console.warn(`moescope will not work offline: ${error}`);
  }
}
