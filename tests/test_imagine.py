"""Pictures of words."""

import pytest
import torch

from imgen.controls import checked, knobs_of
from imgen.pipelines.explore import place
from imgen.pipelines.imagine import imagine
from imgen.training.emoji import shares, vocabulary, words

VOCABULARY = {"vocabulary": {"face": "脸", "cat": "猫", "red": "红"}}


class Echo(torch.nn.Module):
    """Paints every pixel in the share of the word "cat"."""

    latent, classes = 4, 3

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, shares):
        return shares[:, 1].view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def pictures(**knobs):
    *_, last = imagine(Echo(), **checked(knobs_of(imagine, VOCABULARY), knobs))
    return last.pictures


@pytest.mark.parametrize(("text", "share"), [("cat", 1), ("red cat", 1 / 2), ("红脸猫", 1 / 3), ("red face", 0)])
def test_each_word_has_an_equal_share(text, share):
    assert pictures(words=text, count=2)[1].pixels.max() == round(255 * share)


def test_a_picture_remembers_its_words_and_its_noise():
    first, other = pictures(words="cat", seed=3, count=2)
    z, told = place(Echo(), first)
    assert told.tolist() == [0, 1, 0] and not torch.equal(z, place(Echo(), other)[0])
    torch.testing.assert_close(place(Echo(), pictures(words="face", seed=3, truncation=0.5, count=1)[0])[0], z / 2)


@pytest.mark.parametrize(("stem", "phrase"), [
    ("u1f431", ["cat", "face"]), ("u2764", ["red", "heart"]), ("u1f44b_1f3ff", ["waving", "hand", "dark", "skin"]),
    ("u1f469_200d_1f680", ["woman", "rocket"]), ("u27a1", ["rightwards", "arrow"]), ("u26ab", ["medium", "black", "circle"]),
])
def test_a_file_name_is_read_as_words(stem, phrase):
    assert words(stem) == phrase


def test_rare_words_are_left_out_and_the_others_share_a_picture():
    phrases = [["cat", "face"], ["cat"], ["face", "red"], ["comet"]]
    known = vocabulary(phrases)
    assert known == ["cat", "face"]
    assert shares(phrases, known).tolist() == [[0.5, 0.5], [1, 0], [0, 1], [0, 0]]
