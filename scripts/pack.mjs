// Writes `.br` and `.gz` beside each file of dist/ that gains by it: a host that serves what lies there compresses nothing itself. And
// SHA256SUMS of them all.
// Brotli at its best takes a second a megabyte, so what did not change comes from target/packed, by the digest of its bytes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = process.argv[2] ?? "dist";
const kept = join("target", "packed");
const packers = {
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  gz: (bytes) => gzipSync(bytes, { level: 9 }),
};
mkdirSync(kept, { recursive: true });
let [raw, least] = [0, 0];
const sums = [];
for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!file.isFile() || /\.(br|gz)$|^SHA256SUMS$/.test(file.name)) continue;
  const path = join(file.parentPath, file.name);
  const bytes = readFileSync(path);
  const digest = createHash("sha256").update(bytes).digest("hex");
  sums.push(`${digest}  ${relative(folder, path)}\n`);
  // Fonts and pictures are compressed already.
  if (/\.(woff2|png)$/.test(file.name)) continue;
  for (const [kind, pack] of Object.entries(packers)) {
    const cached = join(kept, `${digest}.${kind}`);
    if (!existsSync(cached)) writeFileSync(cached, pack(bytes));
    const packed = readFileSync(cached);
    writeFileSync(`${path}.${kind}`, packed);
    if (kind === "br") least += packed.length;
  }
  raw += bytes.length;
}
// For whoever checks what a host serves: `sha256sum -c SHA256SUMS`.
writeFileSync(join(folder, "SHA256SUMS"), sums.sort().join(""));
console.log(`moescope: ${Math.round(raw / 1000)} kB of code and text, ${Math.round(least / 1000)} kB as brotli`);
