// Starts the page. A file of its own, because the Content-Security-Policy forbids inline scripts.
const script = document.querySelector("script[data-js]");
const boot = document.getElementById("boot");
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
