// Runs a test binary of wasm32-wasip1: addresses have 32 bits there, as in the browser. The system below it is a package of plain
// JavaScript, because Node's own crashes now and then as it ends. `node scripts/wasi.mjs FILE ARGUMENTS...`
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { argv, env, stderr, stdout } from "node:process";

const tools = env.MOESCOPE_TOOLS ?? join(env.XDG_CACHE_HOME ?? join(env.HOME, ".cache"), "moescope/tools");
const shim = join(tools, "node_modules/@bjorn3/browser_wasi_shim/dist/index.js");
const { ConsoleStdout, File, OpenFile, WASI } = await import(shim).catch(() => {
  stderr.write(`${shim} is missing: scripts/setup.sh test installs it\n`);
  process.exit(1);
});

const [, , file, ...rest] = argv;
const lines = (to) => ConsoleStdout.lineBuffered((line) => to.write(`${line}\n`));
const variables = Object.entries(env).filter(([name]) => /^(RUST|PROPTEST|INSTA)/.test(name)).map(([name, value]) => `${name}=${value}`);
const wasi = new WASI([file, ...rest], variables, [new OpenFile(new File([])), lines(stdout), lines(stderr)]);
const { instance } = await WebAssembly.instantiate(await readFile(file), { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
