// What the site does in a second, beside what the browser can do at all. Each number is the best of a few in one visit.
const files = (id) => [...document.getElementById(id).files];
const frame = document.getElementById("site");
const bytesOf = (list) => list.reduce((sum, f) => sum + f.size, 0);

async function open(fragment) {
  frame.src = "about:blank";
  await new Promise((done) => (frame.onload = done));
  frame.src = `index.html?${Math.random()}#${fragment}`;
  await until(() => frame.contentDocument?.querySelector("#run-done") && frame.contentDocument.querySelectorAll("#insights canvas[data-drawn=yes]").length === 6);
  return frame.contentWindow.moescope;
}

async function until(check) {
  while (!check()) await new Promise((done) => setTimeout(done, 5));
}

async function best(times, work) {
  let least = Infinity;
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await work();
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

// A load by itself: the figures and the copy of the one before must be done, or they would be measured too.
async function loads(m, list, workers) {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    await quiet();
    const began = performance.now();
    await m.load(list, workers);
    least = Math.min(least, performance.now() - began);
  }
  await quiet();
  return least;
}

async function quiet() {
  const page = frame.contentDocument;
  await until(() => page.querySelector("#run-done") && page.querySelectorAll("#observations tbody tr").length > 0);
  await new Promise((done) => setTimeout(done, 1500));
}

// JSON.parse and a loop over every id: what a page without WebAssembly would do.
function parse(text) {
  let sum = 0;
  for (const step of JSON.parse(text)) {
    for (const layer of Object.values(step)) {
      if (layer) for (const row of layer) for (const id of row) sum += id;
    }
  }
  return sum;
}

// (module (memory (export "m") 65) (func (export "s") (param i32) (result i32) ...)): adds up bytes, one by one.
const SUM = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 65, 7, 9, 2, 1, 109, 2, 0, 1, 115, 0, 0, 10, 33, 1, 31, 1, 2, 127,
  3, 64, 32, 1, 32, 2, 45, 0, 0, 106, 33, 1, 32, 2, 65, 1, 106, 34, 2, 32, 0, 73, 13, 0, 11, 32, 1, 11,
]);

async function byteSum(buffer) {
  const { m, s } = (await WebAssembly.instantiate(SUM)).instance.exports;
  const view = new Uint8Array(m.buffer);
  let sum = 0;
  for (let at = 0; at < buffer.byteLength; at += 4 << 20) {
    const part = new Uint8Array(buffer, at, Math.min(4 << 20, buffer.byteLength - at));
    view.set(part);
    sum += s(part.length);
  }
  return sum;
}

// Reading alone, nothing done with the bytes: a call for each file, eight at a time; and as a worker of the site does it, through one
// stream over many files into buffers that are used again.
function streamAll(list) {
  const code = `onmessage = async (e) => {
    let buffer = new ArrayBuffer(262144), n = 0;
    for (let i = 0; i < e.data.length; i += 64) {
      const reader = new ReadableStreamBYOBReader(new Blob(e.data.slice(i, i + 64)).stream());
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(buffer));
        buffer = value ? value.buffer : new ArrayBuffer(262144);
        if (done) break;
        n += value.length;
      }
    }
    postMessage(n);
  }`;
  return inWorker(code, list);
}

function readAll(list) {
  const code = `onmessage = async (e) => {
    const parts = [];
    for (const f of e.data) for (let at = 0; at < f.size; at += 8388608) parts.push(f.size <= 8388608 ? f : f.slice(at, at + 8388608));
    let next = 0, n = 0;
    await Promise.all(Array.from({ length: 8 }, async () => { while (next < parts.length) n += (await parts[next++].arrayBuffer()).byteLength; }));
    postMessage(n);
  }`;
  return inWorker(code, list);
}

function inWorker(code, list) {
  const worker = new Worker(URL.createObjectURL(new Blob([code])));
  return new Promise((done) => {
    worker.onmessage = () => (worker.terminate(), done());
    worker.postMessage(list);
  });
}

globalThis.bench = async () => {
  const out = { cores: navigator.hardwareConcurrency, agent: navigator.userAgent };
  let m = await open("v=1&model=llama4-maverick");
  const [large, archive, many] = ["large", "archive", "many"].map(files);
  out.bytes = { large: bytesOf(large), archive: bytesOf(archive), many: bytesOf(many), files: many.length };
  out.large_ms = await loads(m, large);
  out.large_one_worker_ms = await loads(m, large, 1);
  out.json_from_disk_ms = await best(2, async () => parse(await large[0].text()));
  const buffer = await large[0].arrayBuffer();
  const memory = new File([buffer], "large.json");
  out.memory_ms = await loads(m, [memory]);
  out.json_in_memory_ms = await best(2, () => parse(new TextDecoder().decode(buffer)));
  out.byte_sum_ms = await best(2, () => byteSum(buffer));
  out.read_large_ms = await best(2, () => readAll(large));
  out.many_ms = await loads(m, many);
  out.read_many_ms = await best(2, () => readAll(many));
  out.stream_many_two_ms = await best(2, () => Promise.all([streamAll(many.slice(0, many.length / 2)), streamAll(many.slice(many.length / 2))]));
  out.read_many_two_ms = await best(2, () => Promise.all([readAll(many.slice(0, many.length / 2)), readAll(many.slice(many.length / 2))]));
  out.archive_ms = await loads(m, archive);
  out.archive_one_worker_ms = await loads(m, archive, 1);
  out.tokens = await m.load(archive).then((i) => i.prefill + i.decode);
  out.analysis_ms = await best(3, () => m.analyze());
  m = await open("v=1&model=deepseek-v3");
  let report;
  out.run_ms = await best(3, async () => (report = await m.run("v=1&model=deepseek-v3")));
  out.flows = report.runs.reduce((s, r) => s + r.reads.local + r.reads.remote + r.reads.writes, 0);
  const address = "v=1&model=qwen3-235b&wafer=tsmc-sow&rows=4&link=4&dead=7,3-4&compare=wafer:dojo%7Cseed:2&sweep=link:1:4:7";
  const parses = 20000;
  out.parse_us = ((await best(3, () => { for (let i = 0; i < parses; i++) m.normalise(address); })) / parses) * 1e3;
  await open("v=1&model=kimi-k2");
  const page = frame.contentDocument, map = page.querySelector("#token-map canvas"), slider = page.querySelector("#layer");
  page.querySelector("#token-map").scrollIntoView();
  await new Promise((done) => setTimeout(done, 500));
  const slides = [], redraws = [];
  for (let layer = 1; layer <= 30; layer++) {
    const count = () => frame.contentWindow.performance.getEntriesByName("token-map").length;
    const before = count(), began = performance.now();
    slider.value = layer;
    slider.dispatchEvent(new frame.contentWindow.Event("input", { bubbles: true }));
    await new Promise((done) => {
      const look = () => (count() > before ? done() : queue.port2.postMessage(0));
      const queue = new MessageChannel();
      queue.port1.onmessage = look;
      look();
    });
    slides.push(performance.now() - began);
    redraws.push(Number(map.dataset.ms));
    await new Promise((done) => setTimeout(done, 60));
  }
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  out.slide_ms = median(slides);
  out.redraw_ms = median(redraws);
  return out;
};
globalThis.ready = true;
