"""Cuts the page's fonts from the @fontsource-variable packages: what Latin text and the page's signs need, and of their axes what the
page uses. Run by hand when a font or the page's letters change; what it writes is kept in www/fonts.

    npm install --prefix target/fonts @fontsource-variable/{source-serif-4,inter,jetbrains-mono}@5
    pip install fonttools brotli
    python3 scripts/fonts.py target/fonts/node_modules/@fontsource-variable www/fonts
"""
import sys
from io import BytesIO
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

ASCII = "".join(map(chr, range(0x20, 0x7F)))
TYPED = "\u00a0\u202f\u2009\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u00b7\u00d7"
SIGNS = "\u00b1\u00b2\u00b5\u2212\u2190\u2192\u2191\u2193\u2264\u2265\u00f7\u221e\u2715"
# Package, file, name of ours, letters, axes: a range or a point each.
FONTS = [
    ("source-serif-4", "source-serif-4-latin-opsz-normal", "serif", ASCII + TYPED + "\u2212", {"opsz": 28, "wght": (400, 600)}),
    ("source-serif-4", "source-serif-4-latin-opsz-italic", "serif-italic", "It isn\u2019t.", {"opsz": 60, "wght": 420}),
    ("inter", "inter-latin-wght-normal", "sans", ASCII + TYPED + SIGNS, {"wght": (400, 600)}),
    ("jetbrains-mono", "jetbrains-mono-latin-wght-normal", "mono", ASCII + TYPED + SIGNS, {"wght": (400, 600)}),
]


def cut(source: Path, target: Path, letters: str, axes: dict) -> None:
    font = TTFont(source)
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    # Ligatures of code would draw two signs as one.
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum", "cv11", "ss03", "liga"]
    if "mono" in source.name:
        options.layout_features = ["ccmp", "locl", "zero"]
    options.name_IDs = [0, 1, 2, 13, 14]
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters)
    cutter.subset(font)
    # Written and read once: the instancer wants every glyph to have its variations.
    font.flavor = None
    bare = BytesIO()
    font.save(bare)
    font = instancer.instantiateVariableFont(TTFont(bare), axes)
    font.flavor = "woff2"
    font.save(target)
    print(f"{target}: {target.stat().st_size} bytes")


packages, out = map(Path, sys.argv[1:3])
for package, file, name, letters, axes in FONTS:
    cut(packages / package / "files" / f"{file}.woff2", out / f"{name}.woff2", letters, axes)
