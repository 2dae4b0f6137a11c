"""One translator for each scheme: a body in the vendor's words, an event in ours. Pure."""

from __future__ import annotations

from api.devices.rules import Scheme
from api.webhooks.events import Kept, Translator
from api.webhooks.translators import (
    aftership,
    easypost,
    seventeen_track,
    shipengine,
    shippo,
    standard,
)

TRANSLATORS: dict[Scheme, tuple[Translator, Kept]] = {
    Scheme.STANDARD: (standard.translate, standard.KEPT),
    Scheme.EASYPOST: (easypost.translate, easypost.KEPT),
    Scheme.SHIPPO: (shippo.translate, shippo.KEPT),
    Scheme.AFTERSHIP: (aftership.translate, aftership.KEPT),
    Scheme.SEVENTEEN_TRACK: (seventeen_track.translate, seventeen_track.KEPT),
    Scheme.SHIPENGINE: (shipengine.translate, shipengine.KEPT),
}
