"""What all settings of a run have in common: frozen, told in full, and one sentence for what does not work."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError


class Settings(BaseModel):
    """Settings that do not change once they are there, and of which none is unknown."""

    # JSON has no infinity: it is written as null, and the run could not be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def settings_sentence(error: ValidationError, whose: str) -> str:
    """One sentence that names each setting, what was expected and what came.

    Args:
        error: of the validation.
        whose: the settings are, as a sentence begins ("The run's").
    """
    parts = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"]) or "configuration"
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] in ("missing", "value_error", "extra_forbidden") else f"; got {item['input']!r}"
        parts.append(f"{field}: {message[0].lower() + message[1:]}{got}")
    return f"{whose} settings do not work: {'; '.join(parts)}."
