"""Every word that a face shows: key -> (English, simplified Chinese), one line each, by subject in the files beside this one.

`{gaps}` are filled by facts.  Keys of UserErrors are the errors' own; `title_`, `card_`, `knob_` and `option_` belong to the
catalog.
"""

from imgen.texts.captions import CAPTIONS
from imgen.texts.classify import CLASSIFY
from imgen.texts.courses import COURSES
from imgen.texts.doctor import DOCTOR
from imgen.texts.errors import ERRORS
from imgen.texts.inside import INSIDE
from imgen.texts.kept import KEPT
from imgen.texts.knobs import KNOBS
from imgen.texts.lab import LAB
from imgen.texts.links import LINKS
from imgen.texts.models import MODELS
from imgen.texts.page import PAGE
from imgen.texts.pictures import PICTURES
from imgen.texts.points import POINTS
from imgen.texts.rooms import ROOMS
from imgen.texts.serving import SERVING
from imgen.texts.tables import TABLES

WORDS: dict[str, tuple[str, str]] = {
    **PAGE, **ROOMS, **ERRORS, **MODELS, **KNOBS, **CAPTIONS, **TABLES, **COURSES, **LINKS, **CLASSIFY, **INSIDE, **LAB, **KEPT,
    **POINTS, **PICTURES, **SERVING, **DOCTOR,
}
