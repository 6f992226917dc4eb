// The page's code in pieces: what the first screen needs, and what each view needs besides, fetched once it is opened. Trunk knows one
// module a program, and the cut must be made before wasm-bindgen: relocations tell what calls what, and wasm-bindgen drops them.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// What the page's target has anyway; wasm-opt must not use what newer browsers alone understand.
const FEATURES = ["simd", "bulk-memory", "bulk-memory-opt", "nontrapping-float-to-int", "reference-types", "mutable-globals", "sign-ext", "multivalue", "call-indirect-overlong"];

const run = (program, args, stdio = "inherit") => {
  const done = spawnSync(program, args, { stdio: ["ignore", stdio, stdio], encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${program} failed${done.stderr ? `: ${done.stderr}` : ""}`);
};

/** Compiles the page. Begun beside Trunk, which compiles the workers meanwhile; whoever comes second waits for the first. */
const compile = () => run("cargo", ["rustc", "--locked", "--target", "wasm32-unknown-unknown", "--bin", "app", "--features", "page", "--profile", "page", "--", "-Clink-args=--emit-relocs"]);
if (process.argv[1] === fileURLToPath(import.meta.url)) compile();

/**
 * Builds the page into a folder. Names hold a digest of all of it: pieces of two builds never meet, and a host may say that they never
 * change. What boot.js must know: the page's script and module, and by view the files that it fetches when it is opened.
 */
export const split = (folder) => {
  compile();
  const pieces = join("target", "pieces");
  rmSync(pieces, { recursive: true, force: true });
  mkdirSync(pieces, { recursive: true });
  run("wasm-split-cli", ["--target", "web", "--out-name", "app", join("target", "wasm32-unknown-unknown", "page", "app.wasm"), pieces]);
  const bound = join(pieces, "bound");
  run("wasm-bindgen", ["--target", "web", "--no-typescript", "--keep-lld-exports", "--no-demangle", "--out-dir", bound, "--out-name", "app", join(pieces, "app.wasm")]);
  const modules = readdirSync(pieces).filter((name) => /^(split|chunk)_.*\.wasm$/.test(name)).map((name) => [pieces, name]);
  modules.push([bound, "app_bg.wasm"]);
  for (const [from, name] of modules) {
    // It warns of names of locals that it cannot keep; they are not kept.
    run("wasm-opt", ["-Oz", "--strip-debug", "--strip-producers", ...FEATURES.map((f) => `--enable-${f}`), join(from, name), "-o", join(pieces, `${name}.least`)], "pipe");
  }
  const texts = { "app.js": readFileSync(join(bound, "app.js"), "utf8"), "__wasm_split.js": readFileSync(join(pieces, "__wasm_split.js"), "utf8") };
  const hash = createHash("sha256");
  for (const [, name] of modules) hash.update(name).update(readFileSync(join(pieces, `${name}.least`)));
  for (const [name, text] of Object.entries(texts)) hash.update(name).update(text);
  const digest = hash.digest("hex").slice(0, 16);
  const called = (name) => name.replace(/^_*/, "").replace(/\.(?=\w+$)/, `-${digest}.`);
  const names = [...modules.map(([, name]) => name), ...Object.keys(texts)];
  for (const [, name] of modules) copyFileSync(join(pieces, `${name}.least`), join(folder, called(name)));
  for (const [name, text] of Object.entries(texts)) {
    // Where a file is named, not where an import of the module is.
    const renamed = names.reduce((all, other) => all.replaceAll(`from "./${other}"`, `from "./${called(other)}"`).replaceAll(`new URL("./${other}"`, `new URL("./${called(other)}"`).replaceAll(`new URL('${other}'`, `new URL('${called(other)}'`), text);
    writeFileSync(join(folder, called(name)), renamed);
  }
  return { js: called("app.js"), wasm: called("app_bg.wasm"), views: needs(texts["__wasm_split.js"], called) };
};

/** From the loader: the files of each view, those that it shares with others first. */
const needs = (link, called) => {
  const files = Object.fromEntries([...link.matchAll(/const (__chunk_\d+) = [^]*?new URL\("\.\/([^"]+)"/g)].map(([, name, file]) => [name, file]));
  const loads = link.matchAll(/export const __wasm_split_load_(\w+) = [^]*?new URL\("\.\/([^"]+)"[^]*?\n, \[([^\]]*)\]/g);
  const views = Object.fromEntries([...loads].map(([, view, own, shared]) => [view, [...shared.split(", ").filter(Boolean).map((name) => files[name]), own]]));
  if (Object.keys(views).length === 0 || Object.values(views).flat().includes(undefined)) throw new Error("wasm-split-cli writes another loader than scripts/split.mjs reads");
  return Object.fromEntries(Object.entries(views).map(([view, names]) => [view, names.map(called)]));
};
