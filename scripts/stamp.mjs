// Tells the service worker what one build consists of: the names of its files and a digest of all their bytes.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.TRUNK_STAGING_DIR;
if (!folder) throw new Error("Trunk runs this after a build");
const files = readdirSync(folder).filter((name) => name !== "sw.js").sort();
const hash = createHash("sha256");
for (const name of files) hash.update(name).update("\0").update(readFileSync(join(folder, name)));
const worker = join(folder, "sw.js");
const names = files.map((name) => (name === "index.html" ? "./" : name));
const text = readFileSync(worker, "utf8")
  .replace("__VERSION__", hash.digest("hex").slice(0, 16))
  .replace('["__FILES__"]', JSON.stringify(names));
writeFileSync(worker, text);
