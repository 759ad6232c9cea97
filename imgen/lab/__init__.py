"""Trainings that one can watch, steer, break, mend and keep: small nets by the very recipes of `imgen.training`.

The same as in the tab Train and by `python -m imgen teach`, in three lines:

    for moment in run(Setup.read({"method": "gan", "seed": 3})):         # imgen.lab.run, imgen.lab.setups
        print(moment["step"], moment["losses"], moment["scores"])
    card_of(Path("mine.safetensors"))(count=8).pictures                 # imgen.lab.kept: what `teach` wrote is a card

`run` learns in this process; `lab.job.Job` in one of its own, which can be steered, looked into, stopped and killed.
"""
