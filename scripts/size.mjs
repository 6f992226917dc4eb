// Prints the bytes of each file that a visit loads: raw, gzip, brotli.
import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const rows = readdirSync("dist", { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile())
  .map((f) => {
    const bytes = readFileSync(`${f.parentPath}/${f.name}`);
    return [f.name, bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
  });
rows.push(["all", ...[1, 2, 3].map((i) => rows.reduce((sum, r) => sum + r[i], 0))]);
const line = (r) => r[0].padEnd(24) + r.slice(1).map((n) => String(n).padStart(10)).join("");
console.log(line(["file", "raw", "gzip", "brotli"]));
rows.forEach((r) => console.log(line(r)));
