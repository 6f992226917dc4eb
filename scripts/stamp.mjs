// After a build: the page's own code in pieces, a page for each view that a shared link unfurls from, the first picture, then what the
// service worker is told one build consists of: the names of its files and a digest of all their bytes.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { split } from "./split.mjs";

const folder = process.env.TRUNK_STAGING_DIR;
if (!folder) throw new Error("Trunk runs this after a build");
// Whoever unfurls a link reads no fragment: each view has an address of its own, which leads to the page.
const VIEWS = {
  story: ["expert routing looks like chaos. It isn\u2019t.", "Six patterns behind the experts of mixture-of-experts models, each measured on a trace beside the paper\u2019s number."],
  explore: ["what does this trace do?", "Reuse distance, cross-layer and cross-token correlation, co-activation, skew: every layer of an expert-selection trace."],
  simulate: ["what is a placement worth on this machine?", "A wafer of dies or a node of GPUs, simulated on a trace: speedups, hops, link heat, layer by layer."],
  deploy: ["which placement do I run?", "EPLB, remap, a search or your own file, scored on requests it has not seen, and taken away as the file that your server loads."],
  paper: ["is it true?", "Every figure and table of Patterns behind Chaos (ISCA 2026) with ours beside it."],
};
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
for (const [view, [title, says]] of Object.entries(VIEWS)) {
  const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'" />
    <title>moescope: ${plain(title)}</title>
    <meta name="description" content="${plain(says)}" />
    <meta property="og:title" content="moescope: ${plain(title)}" />
    <meta property="og:description" content="${plain(says)}" />
    <meta property="og:type" content="website" />
    <meta property="og:image" content="og.png" />
    <meta name="twitter:card" content="summary_large_image" />
    <meta http-equiv="refresh" content="0; url=./#v=2&amp;view=${view}" />
  </head>
  <body><a href="./#v=2&amp;view=${view}">moescope</a></body>
</html>
`;
  writeFileSync(join(folder, `${view}.html`), page);
}

// What the page opens with is known when the site is built: the same Rust code answers what it asks first, and draws its first screen.
const built = spawnSync("cargo", ["run", "--quiet", "--locked", "--bin", "moescope", "--", "prepare", "-o", folder], { stdio: ["ignore", "inherit", "inherit"] });
if (built.status !== 0) throw new Error("moescope prepare failed");
const [index, first] = ["index.html", "first.html"].map((name) => join(folder, name));
const place = "<!-- The first screen as it stands still: scripts/stamp.mjs puts it here. -->";
const page = readFileSync(index, "utf8");
if (!page.includes(place)) throw new Error("index.html has no place for the first screen");
// One sheet: a browser fetches six files at a time, and the first paint waits for every sheet.
const sheets = [...page.matchAll(/<link rel="stylesheet" href="\.\/([a-z]+\.css)"[^>]*>/g)];
if (sheets.length < 2) throw new Error("index.html names no sheets as Trunk writes them");
const sheet = sheets.map(([, name]) => readFileSync(join(folder, name), "utf8")).join("");
sheets.forEach(([, name]) => rmSync(join(folder, name)));
writeFileSync(join(folder, "page.css"), sheet);
const digest = createHash("sha384").update(sheet).digest("base64");
const linked = sheets.reduce(
  (text, [link], at) => text.replace(link, at > 0 ? "" : `<link rel="stylesheet" href="./page.css" integrity="sha384-${digest}" />`),
  page,
);
// boot.js asks for the code once the first picture is painted: on a slow line it would take the bytes that the picture needs.
if (!linked.includes("__CODE__")) throw new Error("index.html has no place for the names of the page's code");
const coded = linked.replace("__CODE__", plain(JSON.stringify(split(folder))));
writeFileSync(index, coded.replace(place, () => `<div class="first">${readFileSync(first, "utf8")}</div>`));
rmSync(first);

const files = readdirSync(folder).filter((name) => name !== "sw.js").sort();
const hash = createHash("sha256");
for (const name of files) hash.update(name).update("\0").update(readFileSync(join(folder, name)));
const worker = join(folder, "sw.js");
const names = files.map((name) => (name === "index.html" ? "./" : name));
const text = readFileSync(worker, "utf8")
  .replace("__VERSION__", hash.digest("hex").slice(0, 16))
  .replace('["__FILES__"]', JSON.stringify(names));
writeFileSync(worker, text);
