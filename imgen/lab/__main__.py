"""A process that waits for trainings: `lab.nursery` starts it, warm, and people start `python -m imgen teach`.

On Linux it stays as it is, torch imported and nothing else done, and forks a child for each training, which so begins at once and
shares most of its memory; elsewhere it becomes the one training that it is asked for.
"""

import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # read when numpy and torch are imported: a fork must
    os.environ[name] = "1"  # find no threads, and two trainings use two cores


def main() -> None:
    from imgen.lab import nursery

    if hasattr(os, "nice"):
        os.nice(5)  # whoever uses the page comes first
    nursery.warm_here()
    if sys.argv[1:] == ["--fork"]:
        nursery.fork_for_each(0)
    else:
        from imgen.lab.child import serve

        answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what a library prints must not get among the frames
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
