// Starts the page. A file of its own, because the Content-Security-Policy forbids inline scripts.
const code = JSON.parse(document.querySelector("script[data-code]").dataset.code);
const boot = document.getElementById("boot");
const base = document.baseURI;
const fetched = async (name) => {
  const response = await fetch(new URL(name, base));
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
};
// What the page asks first about the workload that it opens with was answered when the site was built. Of another workload nothing is
// known: its workers load while the page's own code does, and the page takes them over with what they have said so far.
const usual = !/[#&](model|seed|trace|from)=/.test(location.hash);
const prepared = usual ? fetched("prepared.bin").catch(() => undefined) : undefined;
globalThis.moescopeWorkers = usual ? [] : [0, 1].map(() => {
  const worker = new Worker("worker_loader.js", { type: "module" });
  worker.heard = [];
  worker.onmessage = (event) => worker.heard.push(event.data);
  worker.onerror = () => (worker.failed = true);
  return worker;
});
// Resolves once the page shows what the still first screen shows, so that nothing flickers; at once if that is not what is asked for.
const alike = async () => {
  if (document.documentElement.dataset.start) return;
  const began = performance.now();
  while (!document.querySelector("#race .lanes") && performance.now() - began < 3000) await new Promise((r) => requestAnimationFrame(r));
};
// The still first screen is painted first: compiling takes every core. A page in a closed tab has no frames.
if (usual) await new Promise((done) => (setTimeout(done, 300), requestAnimationFrame(() => setTimeout(done))));
try {
  const module = fetch(new URL(code.wasm, base));
  // Told below, by whoever waits for it: not twice.
  module.catch(() => {});
  // The code of the view that the address opens comes beside the page's own.
  for (const name of code.views[/[#&]view=(\w+)/.exec(location.hash)?.[1]] ?? []) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: new URL(name, base) }));
  }
  const bindings = await import(new URL(code.js, base));
  globalThis.moescopePrepared = await prepared;
  await bindings.default({ module_or_path: module });
  await alike();
  boot?.remove();
} catch (error) {
  const why = location.protocol === "file:"
    ? "Browsers load WebAssembly only over HTTP: serve this folder (for example: python3 -m http.server) and open that address."
    : "It needs WebAssembly with SIMD (Chrome 91, Firefox 89, Safari 16.4 or newer).";
  document.documentElement.dataset.start = "failed";
  const said = boot?.querySelector(".boot");
  if (said) said.textContent = `moescope could not start. ${why} (${error})`;
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
