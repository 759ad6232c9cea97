"""The terminal face: python -m imgen COMMAND."""

import io
import os
import sys

from imgen import doctor

if __name__ == "__main__" and doctor.asked(sys.argv):  # before anything below that may be what is broken
    sys.exit(doctor.main(sys.argv[2:], os.environ))

from imgen import hub, serving
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.terminal import app, machine, making, measuring, run, showing, teach, training  # noqa: F401  they bring the commands
from imgen.terminal.saying import LANGUAGE, say
from imgen.texts import text


def main() -> None:
    """Every mistake is one sentence in the user's language, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # under pythonw there is none
            stream.reconfigure(errors="backslashreplace")  # a name that has no letters in this code page stops nothing
    if not doctor.asked(sys.argv):  # he looks at proxies himself, before they are settled
        hub.settle(os.environ)
    try:
        serving.take_over(os.environ)
        if sys.argv[1:2] == ["run"] and len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
            if sys.argv[2].endswith(".safetensors"):
                run.add_kept(sys.argv[2])
            else:
                find_card(sys.argv[2])  # says which cards there are
        app()
    except UserError as error:
        say(text(error.key, LANGUAGE, **error.facts))
        sys.exit(2)


if __name__ == "__main__":
    main()
