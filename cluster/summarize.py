#!/usr/bin/env python3
"""Counts a trace set that is too large for one machine: maps `moescope summarize` over its files with Ray, and adds the
summaries up as a tree. The result is the same file, byte for byte, that one process would write.

    python cluster/summarize.py -o all.moesum /data/traces
    python cluster/summarize.py -o all.moesum s3://bucket/traces/ --address auto

Files are local paths, folders, or object-store keys that fsspec reads (pip install fsspec s3fs). Each worker needs the
`moescope` program: --moescope PATH, or on its PATH. Archives are not split here: give the files inside, or summarize each
archive by itself, because the place of a request in the whole set must be known before it is counted.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ray

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".zst")


def natural(path):
    """The program's own order: runs of digits count as numbers."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", path) if p]


def listed(arguments):
    """Files of the set, in the order in which one process would read them."""
    found = []
    for argument in arguments:
        if "://" in argument:
            import fsspec

            system, root = fsspec.core.url_to_fs(argument)
            keys = system.find(root) or [root]
            scheme = argument.split("://")[0]
            found += [f"{scheme}://{key}" for key in sorted(keys, key=natural)]
        elif Path(argument).is_dir():
            inside = [str(p) for p in Path(argument).rglob("*") if p.is_file() and not hidden(p.relative_to(argument))]
            found += sorted(inside, key=natural)
        else:
            found.append(argument)
    refused = [f for f in found if f.endswith(ARCHIVES)]
    if refused:
        sys.exit(f"summarize.py: {refused[0]} is an archive: unpack it, or summarize it by itself and merge")
    return found


def hidden(path):
    return any(part.startswith(".") for part in path.parts)


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"moescope {arguments[0]}: {done.stderr.strip()[-2000:]}")


@ray.remote(num_cpus=1, max_retries=3)
def summarize(program, files, first):
    """Summary of neighbouring files, of which the first has this place in the whole set."""
    with tempfile.TemporaryDirectory() as folder:
        local = []
        for n, file in enumerate(files):
            if "://" not in file:
                local.append(file)
                continue
            import fsspec

            # The folders of the key name model and subject: they stay in the path.
            target = Path(folder) / str(n) / file.split("://")[1]
            target.parent.mkdir(parents=True)
            with fsspec.open(file, "rb") as source, target.open("wb") as out:
                while chunk := source.read(1 << 22):
                    out.write(chunk)
            local.append(str(target))
        out = Path(folder) / "part.moesum"
        run(program, "summarize", *local, "-o", str(out), "--first", str(first), "--threads", "1")
        return out.read_bytes()


@ray.remote(num_cpus=1, max_retries=3)
def merge(program, *parts):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for n, part in enumerate(parts):
            paths.append(f"{folder}/{n}.moesum")
            Path(paths[-1]).write_bytes(part)
        out = Path(folder) / "all.moesum"
        run(program, "merge", *paths, "-o", str(out))
        return out.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--moescope", default="moescope", help="the program, on every worker")
    parser.add_argument("--batch", type=int, default=64, help="files of a task")
    parser.add_argument("--fan", type=int, default=8, help="summaries that one task adds up")
    parser.add_argument("--address", help="of a running Ray cluster; without it one is started here")
    parser.add_argument("--workers", type=int, help="CPUs of the cluster that is started here")
    options = parser.parse_args()

    began = time.monotonic()
    files = listed(options.paths)
    if not files:
        sys.exit("summarize.py: no file is there")
    if options.address:
        ray.init(address=options.address, log_to_driver=False)
    else:
        ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False)
    batches = range(0, len(files), options.batch)
    parts = [summarize.remote(options.moescope, files[at : at + options.batch], at) for at in batches]
    # A tree: no task holds more than a few summaries, and the network carries each part once for every level.
    while len(parts) > 1:
        groups = (parts[at : at + options.fan] for at in range(0, len(parts), options.fan))
        parts = [group[0] if len(group) == 1 else merge.remote(options.moescope, *group) for group in groups]
    result = ray.get(parts[0])
    Path(options.output).write_bytes(result)
    seconds = time.monotonic() - began
    print(f"summarize.py: {len(files)} files in {options.output}, {len(result)} bytes, {seconds:.1f} s")


if __name__ == "__main__":
    main()
