"""Any network of the catalogue opened: what every layer made of a picture, and the sum behind each single number."""

from imgen.inspection.look import Inspection, inspect

__all__ = ["Inspection", "inspect"]
