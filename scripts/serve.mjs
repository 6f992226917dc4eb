// Serves dist/ on 127.0.0.1. Not `trunk serve`: its watcher crashes on some file systems, and a reader watches nothing.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const port = Number(process.argv[2] ?? 8080);
const kinds = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
  const file = join("dist", path.endsWith("/") ? `${path}index.html` : path);
  if (!file.startsWith("dist") || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    response.writeHead(404).end("not found");
    return;
  }
  response.writeHead(200, { "content-type": kinds[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache" });
  createReadStream(file).pipe(response);
})
  .on("error", (error) => {
    console.error(`moescope: cannot serve on port ${port}: ${error.message}. Another port: make run PORT=8081`);
    process.exit(1);
  })
  .listen(port, "127.0.0.1", () => console.log(`moescope: http://127.0.0.1:${port}/  (Ctrl-C ends it)`));
