// Prints the bytes of each file that a visit loads, raw, gzip and brotli, then what a reader loads before each step, beside its budget.
// Ends with 1 and the name of what grew if one is over. A budget is what the build holds now, not what it should be: docs/performance.md.
import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const STEPS = [
  ["before the first picture", 100, /^(index\.html|.*\.css|serif\.woff2|sans\.woff2|boot\.js|early\.js|icon\.svg)$/],
  ["before the first live result, too", 700, /^(app-.*\.js|wasm_split-.*\.js|app_bg-.*\.wasm|prepared\.bin|mono\.woff2)$/],
  ["for a worker", 720, /^worker.*\.(js|wasm)$/],
];

// What each view fetches when it is opened first: its own code and what it shares with others.
const VIEWS = { story: 85, explore: 75, simulate: 145, deploy: 80, paper: 85 };
const { views } = JSON.parse(/data-code="([^"]*)"/.exec(readFileSync("dist/index.html", "utf8"))[1].replaceAll("&quot;", '"'));
const each = Object.entries(VIEWS).map(([view, budget]) => [`for ${view}`, budget, { test: (name) => views[view].includes(name) }]);

const rows = readdirSync("dist", { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile() && !/\.(br|gz)$/.test(f.name))
  .map((f) => {
    const bytes = readFileSync(`${f.parentPath}/${f.name}`);
    return [f.name, bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
  });
const all = ["all", ...[1, 2, 3].map((i) => rows.reduce((sum, r) => sum + r[i], 0))];
const line = (r) => r[0].padEnd(24) + r.slice(1).map((n) => String(n).padStart(10)).join("");
console.log(line(["file", "raw", "gzip", "brotli"]));
[...rows, all].forEach((r) => console.log(line(r)));
console.log();
let before = 0;
for (const [step, budget, names] of [...STEPS, ...each]) {
  const of = rows.filter((r) => names.test(r[0]));
  const own = of.reduce((sum, r) => sum + r[3], 0) / 1000;
  before = step.includes("before") ? before + own : own;
  console.log(`${step.padEnd(36)} ${before.toFixed(0).padStart(5)} kB brotli, budget ${budget}`);
  if (before > budget || of.length === 0) {
    const largest = of.toSorted((a, b) => b[3] - a[3]).slice(0, 3).map((r) => `${r[0]} ${(r[3] / 1000).toFixed(0)} kB`);
    console.error(`over its budget ${step}: ${largest.join(", ")}`);
    process.exitCode = 1;
  }
}
