#!/usr/bin/env python3
"""Reading rates beside each format's usual reader, in one run: JSON lines over orjson and a loop, NPZ over numpy, Parquet over pyarrow.

    make rates

Each reader is a process of its own that does the same work, the counts of every layer's experts (ours: benches/rates.rs), so that time and
peak memory compare; what a load counts besides stands in the last column. The files are made once, in target/rates.
"""
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target" / "rates"
BINARY = ROOT / "target" / "release" / "moescope"
LAYERS, EXPERTS, TOP_K = 24, 128, 8
RUNS = int(os.environ.get("RATES_RUNS", "3"))


def ids(tokens, seed):
    """Distinct experts `[tokens, layers, k]`, some of them preferred as in real traces."""
    import numpy as np

    rng = np.random.default_rng(seed)
    liking = np.sort(rng.random((LAYERS, EXPERTS)))
    out = np.empty((tokens, LAYERS, TOP_K), np.int16)
    for layer in range(LAYERS):
        noise = rng.random((tokens, EXPERTS), np.float32)
        out[:, layer] = np.argpartition(-(liking[layer].astype(np.float32) + noise), TOP_K, axis=1)[:, :TOP_K]
    return out


def make():
    """The three files: 500 MB of lines as vLLM's loggers write them, 200 MB of an array, 100 MB of rows."""
    import numpy as np

    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = FOLDER / "records.jsonl"
    if not lines.exists():
        part = FOLDER / "records.part"
        base = ids(2000, 1)
        rows = [[json.dumps(row) for row in token.tolist()] for token in base]
        weights = [json.dumps([round(float(w), 4) for w in row]) for row in np.random.default_rng(2).random((997, TOP_K))]
        with open(part, "w") as out:
            out.write('{"type": "meta", "model_id": "example/moe", "top_k": 8, "num_experts": 128}\n')
            request, at, written = 0, 0, 0
            while written < 500_000_000:
                text = []
                for token in range(300):
                    row = rows[at % len(rows)]
                    at += 7
                    for layer in range(LAYERS):
                        text.append(
                            f'{{"type": "route", "req_id": "r{request}", "token_idx": {token}, "layer": {layer}, '
                            f'"topk_ids": {row[layer]}, "topk_weights": {weights[(at + layer) % 997]}}}\n'
                        )
                request += 1
                written += out.write("".join(text))
        part.rename(lines)
    array = FOLDER / "array.npz"
    if not array.exists():
        # 200 MB of int16, stored as numpy.savez does.
        base = ids(20_000, 3)
        times = 200_000_000 // base.nbytes + 1
        np.savez(array, routed_experts=np.concatenate([np.roll(base, 17 * n, axis=0) for n in range(times)]))
    table = FOLDER / "rows.parquet"
    if not table.exists():
        import pyarrow as pa
        import pyarrow.parquet as pq

        base = ids(20_000, 5)
        tokens = 150_000
        with pq.ParquetWriter(table, pa.schema([("layer", pa.int16()), ("token_idx", pa.int32()), ("experts", pa.list_(pa.int16()))])) as out:
            for start in range(0, tokens, 10_000):
                chosen = np.roll(base, start, axis=0)[:10_000]
                out.write_table(
                    pa.table(
                        {
                            "layer": pa.array(np.tile(np.arange(LAYERS, dtype=np.int16), 10_000)),
                            "token_idx": pa.array(np.repeat(np.arange(start, start + 10_000, dtype=np.int32), LAYERS)),
                            "experts": pa.ListArray.from_arrays(
                                pa.array(np.arange(0, 10_000 * LAYERS * TOP_K + 1, TOP_K, dtype=np.int32)), pa.array(chosen.ravel())
                            ),
                        },
                        schema=out.schema,
                    )
                )


def of_lines(path):
    import orjson

    counts = {}
    with open(path, "rb") as lines:
        for line in lines:
            record = orjson.loads(line)
            if record["type"] != "route":
                continue
            layer = counts.setdefault(record["layer"], [0] * EXPERTS)
            for expert in record["topk_ids"]:
                layer[expert] += 1
    return counts


def of_array(path):
    import numpy as np

    array = np.load(path)["routed_experts"]
    return {layer: np.bincount(array[:, layer].ravel(), minlength=EXPERTS).tolist() for layer in range(array.shape[1])}


def of_table(path):
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["layer", "experts"], use_threads=False)
    layers = table["layer"].to_numpy()
    experts = table["experts"].combine_chunks()
    flat = np.asarray(experts.flatten()).reshape(-1, TOP_K)
    return {layer: np.bincount(flat[layers == layer].ravel(), minlength=EXPERTS).tolist() for layer in range(LAYERS)}


READERS = {
    "records.jsonl": ("orjson and a loop", of_lines),
    "array.npz": ("numpy", of_array),
    "rows.parquet": ("pyarrow", of_table),
}


def ours(path):
    """Our reader alone, by its own clock."""
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", "rates", "--", str(path)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


def theirs(name):
    """The usual reader, by its own clock: its imports are not counted."""
    return json.loads(subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, check=True).stdout)


def whole(path):
    """Seconds and peak bytes of a load with everything that it counts: pairs of tokens and layers, reuse, co-activation."""
    began = time.perf_counter()
    process = subprocess.Popen([BINARY, "inspect", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{path} was not read")
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def main():
    make()
    print("| file | usual reader | its time, peak memory | ours, reading alone | MB/s | over it | with all counts |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, (words, _) in READERS.items():
        path = FOLDER / name
        size = path.stat().st_size
        # In turns: what else the machine does meets both. The best of some runs, for others only add to it.
        runs = [(theirs(name), ours(path)) for _ in range(RUNS)]
        usual, own = (min((run[i] for run in runs), key=lambda r: r["seconds"]) for i in range(2))
        counts = [{int(l): [n for n in row] + [0] * (EXPERTS - len(row)) for l, row in r["counts"].items()} for r in (usual, own)]
        if counts[0] != counts[1]:
            raise SystemExit(f"{name}: the readers do not agree")
        seconds, peak = whole(path)
        cell = lambda r: f"{r['seconds']:.2f} s, {r['peak'] / 1e6:.0f} MB"
        ratio = usual["seconds"] / own["seconds"]
        print(
            f"| `{name}`, {size / 1e6:.0f} MB | {words} | {cell(usual)} | {cell(own)} | {size / 1e6 / own['seconds']:.0f} "
            f"| {ratio:.1f}x | {seconds:.1f} s, {peak / 1e6:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read = READERS[sys.argv[1]][1]
        # Loaded before the clock starts.
        for module in ("numpy", "orjson", "pyarrow.parquet"):
            __import__(module)
        began = time.perf_counter()
        counts = read(FOLDER / sys.argv[1])
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        json.dump({"seconds": seconds, "peak": peak, "counts": counts}, sys.stdout)
    else:
        main()
