"""What readers of the page hear, find by its landmarks, and can draw with the library that a report carries."""

from __future__ import annotations

import gzip
import json
import re
from importlib import resources
from itertools import pairwise

import pytest

from adnflex import report

from .reader import opened


@pytest.fixture(scope="module")
def read(oberrhein, tmp_path_factory):
    return opened(report(*oberrhein, tmp_path_factory.mktemp("report") / "r.html"))


def test_every_table_and_figure_has_a_number_and_a_caption(read):
    reader, source = read
    for tag, word, owner in (("caption", "Table", "table"), ("figcaption", "Figure", "figure")):
        told = re.findall(f"<{tag}>(.*?)</{tag}>", source)
        assert len(told) == reader.tags.count(owner) > 3
        assert [int(re.fullmatch(rf"{word} (\d+)\. \S.*", each)[1]) for each in told] == [*range(1, len(told) + 1)]


def test_figures_are_spoken_with_their_quantities(read):
    spoken = re.findall(r'role="img" aria-label="([^"]*)"', read[1])
    assert len(spoken) == len(read[0].data)
    for words in spoken:
        assert len(words) > 40, words
        assert not re.search(r"[a-z]_[a-z]|<|nan|None", words), words
    assert any(re.search(r"voltage \[pu\], from [\d.]+ to [\d.]+", words) for words in spoken)


def test_landmarks_language_and_order_of_headings(read):
    reader, source = read
    for tag in ("header", "nav", "main", "footer", "h1"):
        assert reader.tags.count(tag) == 1, tag
    assert '<html lang="en">' in source
    assert reader.addresses[0] == "#content"
    levels = [int(tag[1]) for tag in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert reader.tags.count("section") == len(re.findall(r'<section id="(\S+)" aria-labelledby="title-\1">', source))


def test_the_library_draws_every_kind_of_trace(read):
    packed = resources.files("adnflex.reporting") / "assets" / "plotly-cartesian.min.js.gz"
    library = gzip.decompress(packed.read_bytes()).decode()
    assert "Licensed under the MIT license" in library[:300]
    drawn = {trace.get("type", "scatter") for data in read[0].data for trace in json.loads(data)["data"]}
    for kind in drawn | {"box", "heatmap"}:
        assert f'moduleType:"trace",name:"{kind}"' in library, kind
