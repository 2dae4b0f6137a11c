"""Every export format there is."""

from __future__ import annotations

from collections.abc import Mapping

from api.accounts.exports.apple import APPLE
from api.accounts.exports.clever import CLEVER
from api.accounts.exports.form import ExportFormat, Format
from api.accounts.exports.gam import GAM
from api.accounts.exports.google import GOOGLE
from api.accounts.exports.microsoft import MICROSOFT
from api.accounts.exports.oneroster import ONEROSTER
from api.accounts.exports.sds import SDS

FORMATS: Mapping[ExportFormat, Format] = {
    ExportFormat.google: GOOGLE,
    ExportFormat.microsoft: MICROSOFT,
    ExportFormat.sds: SDS,
    ExportFormat.clever: CLEVER,
    ExportFormat.apple: APPLE,
    ExportFormat.oneroster: ONEROSTER,
    ExportFormat.gam: GAM,
}
