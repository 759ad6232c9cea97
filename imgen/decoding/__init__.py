"""What a picture file says, as pixels: one kind of file a module, and the colours.  Only `image.py` asks."""
