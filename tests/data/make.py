#!/usr/bin/env python3
"""Makes the samples in this folder: the same small trace in every format that moescope reads.

Two MoE layers, top-2, three prompt tokens and one decoded token; layer 0 is dense where a format records dense layers.
Needs numpy, zstandard, safetensors and pyarrow. The expected routing stands in tests/it/formats.rs.
"""
import base64
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import zstandard

HERE = Path(__file__).parent
ROUTES = {1: [[0, 1], [1, 2], [1, 0], [3, 0]], 2: [[2, 3], [2, 3], [0, 3], [3, 1]]}
PROMPT = 3

array = np.array([[ROUTES[1][t], ROUTES[2][t]] for t in range(4)], dtype=np.int16)
dense = np.array([[[0, 0], ROUTES[1][t], ROUTES[2][t]] for t in range(3)], dtype=np.int32)


def write(name, content):
    (HERE / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def npy(a):
    out = io.BytesIO()
    np.save(out, a)
    return out.getvalue()


paper = [{"0": None, **{str(l): rows[:PROMPT] for l, rows in ROUTES.items()}}, {"0": None, **{str(l): rows[PROMPT:] for l, rows in ROUTES.items()}}]
write("paper.json", json.dumps(paper, indent=4))
for kind in ("int16", "int32", "uint8", "uint16"):
    write(f"vllm-{kind}.npy", npy(array.astype(kind)))
unknown = array.copy()
unknown[0] = -1
write("vllm-prefix-cache.npy", npy(unknown))
response = {"prompt_routed_experts": array[:PROMPT].tolist(), "choices": [{"text": "x", "routed_experts": array[PROMPT:].tolist()}]}
write("vllm.json", json.dumps(response))
packed = {"prompt_routed_experts": base64.b64encode(npy(array[:PROMPT])).decode(), "choices": [{"routed_experts": base64.b64encode(npy(array[PROMPT:])).decode()}]}
write("vllm.jsonl", json.dumps(packed) + "\n" + json.dumps(packed) + "\n")
flat = base64.b64encode(dense.tobytes()).decode()
write("sglang.json", json.dumps({"text": "x", "meta_info": {"prompt_tokens": 3, "completion_tokens": 1, "routed_experts": flat}}))
write("sglang-openai.json", json.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "choices": [{"sgl_ext": {"routed_experts": flat}}]}))
lines = ["Layer ID,Batch Number,Token,Activated Expert IDs"]
words = ["plain", '"with, comma"', '"with ""quote"" and\nline break"', "last"]
for layer, rows in ROUTES.items():
    lines += [f'{layer},0,{word},"{row}"' for word, row in zip(words, rows)]
write("moe-beyond.csv", "\n".join(lines) + "\n")
counts = {l: np.bincount(np.ravel(rows), minlength=4) for l, rows in ROUTES.items()}
write("counts.csv", "layer_id,expert_id,count\n" + "".join(f"{l},{e},{n}\n" for l, c in counts.items() for e, n in enumerate(c)))
write("llama-cpp.csv", "layer,expert\n" + "".join(f"{l},{e}\n" for l, rows in ROUTES.items() for row in rows for e in row))
write("sglang-counts.json", json.dumps({"logical_count": [c.tolist() for c in counts.values()]}))
steps = [[np.bincount(rows[t], minlength=4).tolist() for rows in ROUTES.values()] for t in range(4)]
write("sglang-counts-steps.json", json.dumps({"logical_count": steps}))
write("matrix.json", json.dumps([c.tolist() for c in counts.values()]))
write("matrix-steps.json", json.dumps(steps))
text = (HERE / "paper.json").read_bytes()
write("paper.json.gz", gzip.compress(text, mtime=0))
write("paper.json.zst", zstandard.compress(text))


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        # Not in natural order: the reader has to sort.
        for name in ("qwen3-mmlu-law/10.json", "qwen3-mmlu-law/2.json"):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return out.getvalue()


write("paper.tar", tar())
write("paper.tar.gz", gzip.compress(tar(), mtime=0))
write("paper.tar.zst", zstandard.compress(tar()))
with zipfile.ZipFile(HERE / "paper.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ("law/10.json", "law/2.json"):
        archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)

# Recordings in the containers of other libraries. Needs safetensors and pyarrow too.
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

(HERE / "recordings").mkdir(exist_ok=True)
full = np.array([[[0, 0], ROUTES[1][t], ROUTES[2][t]] for t in range(4)])


def npz(**arrays):
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def wrapped(a):
    """An array in an object array of no axes, as np.savez makes of a list of unlike things."""
    out = np.empty((), dtype=object)
    out[()] = a
    return out


write("recordings/int64-fortran.npy", npy(np.asfortranarray(full.astype(np.int64))))
write("recordings/int16-big.npy", npy(full.astype(">i2")))
write("recordings/uint8.npz", npz(routed_experts=full.astype(np.uint8)))
write("recordings/object.npz", npz(routed_experts=wrapped(full.astype(np.int32))))
write("recordings/int32.safetensors", save({"routed_experts": full.astype(np.int32)}))
rows = [(l, t, ROUTES[l][t]) for t in range(4) for l in ROUTES]
table = pa.table({"layer": [r[0] for r in rows], "token_idx": [r[1] for r in rows], "experts": pa.array([r[2] for r in rows], pa.list_(pa.int16()))})
for name, options in (("rows", {"compression": "zstd", "row_group_size": 3}), ("delta-gzip", {"compression": "gzip", "use_dictionary": False, "column_encoding": {"layer": "DELTA_BINARY_PACKED"}, "data_page_version": "2.0"})):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    write(f"recordings/{name}.parquet", out.getvalue())
write("recordings/lists.pkl", pickle.dumps({"routed_experts": full.tolist()}))

# What torch itself saves: a zip, the container before 1.6, and a view that shares its storage with more than it shows.
import torch


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


tensor = torch.from_numpy(full.astype(np.int16))
wide = torch.from_numpy(np.concatenate([full, full]).astype(np.int32).transpose(1, 0, 2).copy()).permute(1, 0, 2)[4:]
write("recordings/int16.pt", saved({"routed_experts": tensor, "note": "a word"}))
write("recordings/before-1.6.pt", saved({"routed_experts": tensor}, _use_new_zipfile_serialization=False))
write("recordings/view-int32.pt", saved({"routed_experts": wide}))
write("recordings/bare-uint8.pt", saved(tensor.to(torch.uint8)))
