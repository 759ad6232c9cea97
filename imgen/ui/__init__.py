"""The page.  Only here is Gradio known."""
