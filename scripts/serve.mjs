// Serves dist/ on 127.0.0.1 as a good host does: what is packed beside a file (scripts/pack.mjs), names that hold a digest for ever,
// everything else asked for again. Not `trunk serve`: its watcher crashes on some file systems, and a reader watches nothing.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const port = Number(process.argv[2] ?? 8080);
const folder = process.argv[3] ?? "dist";
const kinds = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".wasm": "application/wasm", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
  ".json": "application/json", ".woff2": "font/woff2", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
};
const there = (file) => {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found : null;
};

createServer((request, response) => {
  let path;
  try {
    path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
  } catch {
    response.writeHead(400).end("not an address");
    return;
  }
  const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
  const plain = file.startsWith(join(folder, sep)) && there(file);
  if (!plain) {
    response.writeHead(404).end("not found");
    return;
  }
  const takes = String(request.headers["accept-encoding"] ?? "");
  // One of another build is older than its file.
  const packed = ["br", "gz"].find((kind) => takes.includes(kind === "gz" ? "gzip" : kind) && there(`${file}.${kind}`)?.mtimeMs >= plain.mtimeMs);
  const sent = packed ? `${file}.${packed}` : file;
  const { size, mtimeMs } = there(sent);
  const etag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
  const headers = {
    "content-type": kinds[extname(file)] ?? "application/octet-stream",
    "cache-control": /-[0-9a-f]{16}(_bg)?\./.test(file) ? "public, max-age=31536000, immutable" : "no-cache",
    "x-content-type-options": "nosniff",
    vary: "accept-encoding",
    etag,
    ...(packed && { "content-encoding": packed === "gz" ? "gzip" : "br" }),
  };
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, "content-length": size });
  if (request.method === "HEAD") response.end();
  else createReadStream(sent).on("error", () => response.destroy()).pipe(response);
})
  .on("error", (error) => {
    console.error(`moescope: cannot serve on port ${port}: ${error.message}. Another port: make run PORT=8081`);
    process.exit(1);
  })
  .listen(port, "127.0.0.1", () => console.log(`moescope: http://127.0.0.1:${port}/  (Ctrl-C ends it)`));
