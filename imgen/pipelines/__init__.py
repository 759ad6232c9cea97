"""One verb per file: a net, pictures and knobs -> a generator of `Frame`s.  Torch is imported when they run, not before."""
