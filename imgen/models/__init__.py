"""Architectures: one network per file, nothing but `nn.Module`s."""
