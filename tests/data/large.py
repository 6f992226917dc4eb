#!/usr/bin/env python3
"""Makes recordings of up to 100 MB with the libraries that people use, in a folder: what they write, not what we think that they write.

    python3 tests/data/large.py FOLDER

Prints as JSON what must be read of each file: tokens, layers, K, E and the checksum of docs/analyses.md over the counts of all experts. A
library that is not there is named under "absent", and its files are not made. Needs numpy; safetensors, pyarrow, gguf and torch make theirs.
"""
import json
import pickle
import sys
from pathlib import Path

import numpy as np

LAYERS, EXPERTS, TOP_K = 12, 64, 2
FOLDER = Path(sys.argv[1])
made, absent = {}, []


def routes(tokens, seed):
    """Two distinct experts a token and layer, the lower ids more often."""
    rng = np.random.default_rng(seed)
    first = (EXPERTS * rng.random((tokens, LAYERS)) ** 2).astype(np.int64)
    second = (first + 1 + rng.integers(0, EXPERTS - 1, (tokens, LAYERS))) % EXPERTS
    return np.stack([first, second], 2)


def counts(array):
    return [np.bincount(array[:, layer].ravel(), minlength=EXPERTS) for layer in range(LAYERS)]


def note(name, tables, tokens):
    e = np.arange(EXPERTS)
    checksum = int(sum((c * ((131 * l + 31 * e) % 1009)).sum() for l, c in enumerate(tables)))
    made[name] = {"tokens": tokens, "layers": LAYERS, "experts": EXPERTS, "top_k": TOP_K, "checksum": checksum}


def library(name, make):
    try:
        make()
    except ImportError:
        absent.append(name)


FOLDER.mkdir(parents=True, exist_ok=True)
# 100 MB of int16 beside the ids of the prompt, stored; a part of it packed, in Fortran order, as objects.
big = routes(2_080_000, 1).astype(np.int16)
np.savez(FOLDER / "stored.npz", routed_experts=big, prompt_token_ids=np.arange(1000), output_token_ids=np.arange(big.shape[0] - 999))
note("stored.npz", counts(big), len(big))
part = big[:200_000]
np.savez_compressed(FOLDER / "packed.npz", routed_experts=part.astype(np.uint8))
note("packed.npz", counts(part), len(part))
np.save(FOLDER / "fortran.npy", np.asfortranarray(part.astype(">i4")))
note("fortran.npy", counts(part), len(part))
objects = np.empty(3, dtype=object)
objects[:] = [part[:50_000], part[50_000:50_001], part[50_001:]]
np.savez(FOLDER / "objects.npz", routed_experts=objects)
note("objects.npz", counts(part), len(part))
with open(FOLDER / "samples.pkl", "wb") as out:
    samples = [{"tokens": list(range(1001)), "response_length": 500, "rollout_routed_experts": part[at : at + 1000]} for at in range(0, 20_000, 1000)]
    pickle.dump(samples, out)
note("samples.pkl", counts(part[:20_000]), 20_000)


def of_safetensors():
    from safetensors.numpy import save_file

    save_file({"routed_experts": big}, FOLDER / "big.safetensors")
    note("big.safetensors", counts(big), len(big))


def of_pyarrow():
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = len(part)
    table = pa.table(
        {
            "request_id": pa.array([f"r{i // 1000}" for i in range(n) for _ in range(LAYERS)]),
            "layer": pa.array(np.tile(np.arange(LAYERS, dtype=np.int32), n)),
            "token_idx": pa.array(np.repeat(np.arange(n, dtype=np.int64) % 1000, LAYERS)),
            "topk_ids": pa.ListArray.from_arrays(np.arange(0, n * LAYERS * TOP_K + 1, TOP_K, dtype=np.int32), part.astype(np.int32).ravel()),
            "prompt": pa.array(["words that nobody reads"] * (n * LAYERS)),
        }
    )
    for name, options in {
        "snappy.parquet": {},
        "zstd.parquet": {"compression": "zstd", "row_group_size": 100_000, "data_page_version": "2.0"},
        "plain.parquet": {"compression": "none", "use_dictionary": False, "column_encoding": {"layer": "DELTA_BINARY_PACKED", "token_idx": "DELTA_BINARY_PACKED"}},
    }.items():
        pq.write_table(table, FOLDER / name, **options)
        note(name, counts(part), n)


def of_gguf():
    import gguf

    writer = gguf.GGUFWriter(FOLDER / "imatrix.gguf", arch="", use_temp_file=False)
    writer.add_type("imatrix")
    tables = counts(part)
    for layer, table in enumerate(tables):
        for part_of in ("gate", "up", "down"):
            name = f"blk.{layer}.ffn_{part_of}_exps.weight"
            writer.add_tensor(f"{name}.in_sum2", np.zeros((EXPERTS, 512), np.float32))
            writer.add_tensor(f"{name}.counts", table.astype(np.float32).reshape(EXPERTS, 1))
        writer.add_tensor(f"blk.{layer}.attn_q.weight.in_sum2", np.zeros((1, 512), np.float32))
        writer.add_tensor(f"blk.{layer}.attn_q.weight.counts", np.full((1, 1), len(part), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    note("imatrix.gguf", tables, 0)


def of_torch():
    import torch

    torch.save({"routed_experts": torch.from_numpy(part.astype(np.int32)), "note": "x"}, FOLDER / "new.pt")
    note("new.pt", counts(part), len(part))
    # A view that begins in the middle of its storage, and one whose axes were turned.
    turned = torch.from_numpy(np.ascontiguousarray(part.astype(np.uint8).transpose(1, 0, 2))).permute(1, 0, 2)
    torch.save({"routed_experts": turned[100_000:]}, FOLDER / "view.pt")
    note("view.pt", counts(part[100_000:]), 100_000)
    torch.save({"routed_experts": torch.from_numpy(part)}, FOLDER / "old.pt", _use_new_zipfile_serialization=False)
    note("old.pt", counts(part), len(part))


for name, make in {"safetensors": of_safetensors, "pyarrow": of_pyarrow, "gguf": of_gguf, "torch": of_torch}.items():
    library(name, make)
json.dump({"made": made, "absent": absent}, sys.stdout)
