"""Colours are seen by all readers, on light and on dark paper."""

import itertools

import numpy as np
import pytest

from simengine.report.palette import DARK, LIGHT, MARKS, TEXT, colours, css, settled
from simengine.report.parts import PART_COLOURS

# Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color vision deficiency,
# severity 1.0, on linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# From linear RGB to cones, and on to lightness and two opponents (Ottosson 2020, Oklab).
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
OPPONENTS = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
APART = 0.1
BESIDE = [
    *itertools.pairwise(PART_COLOURS.values()),
    ("orange", "blue"),  # tornado: lowest and highest fifth, heads and ramped equivalents
    ("grey", "orange"),
    ("grey", "blue"),
    ("green", "vermilion"),  # what comes in and what is lost, commit and target
    ("blue", "vermilion"),
    ("ink", "vermilion"),
]


def linear(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """As WCAG 2.2 defines it."""
    lights = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return lights[1] / lights[0]


def distance(one, other, vision):
    seen = [np.clip(np.array(VISIONS[vision]) @ linear(colour), 0, 1) for colour in (one, other)]
    first, second = (np.array(OPPONENTS) @ np.cbrt(np.array(CONES) @ light) for light in seen)
    return float(np.linalg.norm(first - second))


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_marks_stand_out_from_paper(theme):
    table = colours(theme)
    assert {
        name: contrast(table[name], table["paper"]) for name in TEXT if contrast(table[name], table["paper"]) < 4.5
    } == {}
    assert {
        name: contrast(table[name], table["paper"]) for name in MARKS if contrast(table[name], table["paper"]) < 3
    } == {}


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_beside_each_other_are_told_apart(theme, vision):
    table = colours(theme)
    near = {pair: distance(table[pair[0]], table[pair[1]], vision) for pair in BESIDE}
    assert {pair: found for pair, found in near.items() if found < APART} == {}


def test_red_and_green_are_not_told_apart_by_all():
    assert distance("#d62728", "#2ca02c", "usual") > APART
    assert distance("#d62728", "#2ca02c", "deuteranopia") < APART


def test_both_themes_have_the_same_names_and_each_colour_has_one():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert all(f"--{name}: {value}" in css() for table in (LIGHT, DARK) for name, value in table.items())


def test_only_our_own_names_are_settled():
    assert settled("var(--blue)", "dark") == DARK["blue"]
    assert settled("var(--mine)", "dark") == "var(--mine)"
