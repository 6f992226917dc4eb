#!/usr/bin/env python3
"""Analyses A to D of a zip of paper traces in plain Python with numpy: what moescope's speed and numbers are held against.

    python3 benches/plain.py TRACES.zip > plain.json
"""
import json
import re
import sys
import zipfile

import numpy as np


def natural(path):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def ranks(values):
    """Average ranks."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(ordered)]
    out = np.empty(len(values))
    out[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return out


def rho(a, b):
    x, y = ranks(a.ravel()), ranks(b.ravel())
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / size) if size else None


def coverage(table, row, share):
    values = np.sort(table[row])[::-1]
    return float(values[:share].sum() / values.sum()) if values.sum() else None


def main(path):
    archive = zipfile.ZipFile(path)
    requests = []
    for name in sorted((n for n in archive.namelist() if n.endswith(".json")), key=natural):
        steps = json.loads(archive.read(name))
        layers = sorted(int(k) for k, rows in steps[0].items() if rows is not None)
        columns = [np.array([row for step in steps for row in step[str(layer)]]) for layer in layers]
        requests.append((layers, len(steps[0][str(layers[0])]), columns))
    layers = requests[0][0]
    experts = 1 + max(int(column.max()) for _, _, columns in requests for column in columns)
    share = -(-20 * experts // 100)
    out = {"requests": len(requests), "frequency": {}, "cross_layer": {}, "cross_token": {}, "rho_frequency": []}
    counts = {s: np.zeros((len(layers), experts), np.int64) for s in ("all", "prefill", "decode")}
    token = {s: np.zeros((len(layers), experts, experts), np.int64) for s in ("joined", "prefill", "decode")}
    layer_to = {s: np.zeros((len(layers) - 1, experts, experts), np.int64) for s in ("all", "prefill", "decode")}
    for _, prefill, columns in requests:
        for l, column in enumerate(columns):
            parts = {"prefill": slice(0, prefill), "decode": slice(prefill, None), "all": slice(None), "joined": slice(None)}
            for scope, table in counts.items():
                np.add.at(table[l], column[parts[scope]].ravel(), 1)
            for scope, table in token.items():
                rows = column[parts[scope]]
                np.add.at(table[l], (rows[:-1, :, None], rows[1:, None, :]), 1)
            if l + 1 < len(columns):
                for scope, table in layer_to.items():
                    np.add.at(table[l], (column[parts[scope]][:, :, None], columns[l + 1][parts[scope]][:, None, :]), 1)
    e, i, j = np.arange(experts), np.arange(experts)[:, None], np.arange(experts)[None, :]
    for scope, table in counts.items():
        out["frequency"][scope] = {
            "skew": [float(c.max() * experts / c.sum()) for c in table],
            "checksum": int(sum((c * ((131 * l + 31 * e) % 1009)).sum() for l, c in enumerate(table))),
        }
    for name, tables in (("cross_token", token), ("cross_layer", layer_to)):
        for scope, table in tables.items():
            seen = counts["all" if scope == "joined" else scope]
            out[name][scope] = {
                "coverage_top": [coverage(c, int(seen[l].argmax()), share) for l, c in enumerate(table)],
                "checksum": int(sum((c * ((131 * l + 31 * i + 17 * j) % 1009)).sum() for l, c in enumerate(table))),
            }
    out["rho_frequency"] = [rho(p, d) for p, d in zip(counts["prefill"], counts["decode"])]
    out["rho_cross_token"] = [rho(p, d) for p, d in zip(token["prefill"], token["decode"])]
    out["rho_cross_layer"] = [rho(p, d) for p, d in zip(layer_to["prefill"], layer_to["decode"])]
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
