# ruff: noqa: E501  one line for both languages keeps them together
"""Words of the floor "Pictures" of the tab "Train"; train.js fills their gaps."""

PICTURES: dict[str, tuple[str, str]] = {
    "train_pictures": ("Pictures", "图片"),
}
