"""The page.  Only here is Gradio known."""

from gradio import component_meta


def _no_stub(component: type, name: str, events: list) -> None:
    """Gradio writes a .pyi beside every module with components and never mends what has changed in it: checkers believe it."""


component_meta.create_or_modify_pyi = _no_stub
