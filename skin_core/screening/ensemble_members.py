"""Whether bundles go together, and what the record of their ensemble says of them before anything is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import skin_core
from skin_core.errors import BundleError
from skin_core.imaging.decode import PREPROCESSING_VERSION
from skin_core.screening.facts import RunFacts
from skin_core.screening.members import Gain, MemberRecord
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord, EngineLoss

_FLOAT = ("float32", "float16")


def check_members(infos: Sequence[BundleInfo]) -> None:
    """Refuses bundles that cannot be pooled.

    Raises:
        BundleError: one sentence on what does not go together.
    """
    if len(infos) < 2:
        raise BundleError(f"An ensemble is made of two bundles or more; got {len(infos)}.")
    first = infos[0]
    engines: dict[str, str] = {}
    for info in infos:
        if info.ensemble is not None:
            inside = ", ".join(member.name for member in info.ensemble.members)
            raise BundleError(f"Bundle '{info.name}' is an ensemble itself; name its members ({inside}) instead.")
        if info.precision not in _FLOAT:
            raise BundleError(
                f"Bundle '{info.name}' computes in 8 bits ({info.precision}); publish its run with the engine float32 or float16 to take it into an ensemble."
            )
        other = engines.setdefault(info.files.get("screen.tflite", info.digest), info.name)
        if other != info.name:
            raise BundleError(f"Bundles '{other}' and '{info.name}' are the same network; name it once.")
        if infos.count(info) > 1:
            raise BundleError(f"Bundle '{info.name}' is named twice; name it once.")
        for words, found in _must_agree(info).items():
            if found != (wanted := _must_agree(first)[words]):
                raise BundleError(
                    f"The members of an ensemble must have the same {words}: '{first.name}' has {wanted}, '{info.name}' has {found}; train them alike."
                )
    with_columns = [info for info in infos if info.encoder is not None]
    for info in with_columns[1:]:
        if info.encoder != with_columns[0].encoder:
            raise BundleError(
                f"Bundles '{with_columns[0].name}' and '{info.name}' encode the columns beside the picture differently; train them on the same split with the same features."
            )


def _must_agree(info: BundleInfo) -> dict[str, str]:
    """What must be the same in all members, in words that tell it."""
    return {
        "classes": ", ".join(f"{entry.name} ({entry.risk_level or 'not known'})" for entry in info.classes),
        "input size": f"{info.image_size} pixels",
        "crop": info.crop,
        "color constancy": info.color_constancy.replace("_", " "),
    }


def member_record(info: BundleInfo, *, milliseconds: float, losses: dict[str, EngineLoss]) -> MemberRecord:
    """A member as the ensemble's record tells it.

    Args:
        info: of the member.
        milliseconds: its engine takes for a picture.
        losses: what the ensemble loses against it; below 0 where it gains.
    """
    return MemberRecord(
        name=info.name,
        title=info.title,
        network=info.family_title or info.family,
        digest=info.digest,
        engine=info.files["screen.tflite"],
        run_id=info.run_id,
        views=views_of(info),
        size=(info.path / "screen.tflite").stat().st_size,
        milliseconds=milliseconds,
        gains={figure: _gain(loss) for figure, loss in losses.items()},
    )


def _gain(loss: EngineLoss) -> Gain:
    """A member's lead over the ensemble, turned round."""
    turned = {"gain": loss.loss, "low": loss.high, "high": loss.low}
    return Gain(member=loss.full, **{name: None if value is None else 0.0 - value for name, value in turned.items()})


def views_of(info: BundleInfo) -> int:
    """Views of a picture that a bundle's engine looks at."""
    return 1 if info.engine is None else info.engine.views


def tested(infos: Sequence[BundleInfo]) -> bool:
    """Whether every member's run has a locked test split."""
    return all(info.facts is not None and "test" in info.facts.images for info in infos)


def described(infos: Sequence[BundleInfo]) -> BundleInfo:
    """The record without what is measured; its name is still "draft"."""
    first, titles = infos[0], [info.title for info in infos]
    encoded = next((info for info in infos if info.encoder is not None), first)
    counts = [max(found) for found in zip(*([entry.n_train for entry in info.classes] for info in infos), strict=True)]
    classes = tuple(
        ClassInfo(**{**entry.model_dump(), "n_train": count})
        for entry, count in zip(first.classes, counts, strict=True)
    )
    return BundleInfo(
        name="draft",
        title=f"Ensemble of {_listed(titles if len(set(titles)) == len(titles) else [info.name for info in infos])}",
        family="ensemble",
        family_title=f"Ensemble of {_counted([info.family_title or info.family for info in infos])}",
        program=f"LesionLab {skin_core.__version__}",
        classes=classes,
        image_size=first.image_size,
        crop=first.crop,
        color_constancy=first.color_constancy,
        preprocessing_version=PREPROCESSING_VERSION,
        features=encoded.features,
        encoder=encoded.encoder,
        data=_data(infos),
        unseen=tuple(title for title in first.unseen if all(title in info.unseen for info in infos)),
        synthetic=any(info.synthetic for info in infos),
        untrained=any(info.untrained for info in infos),
        facts=_facts(infos),
    )


def _data(infos: Sequence[BundleInfo]) -> DataRecord:
    records = [info.data for info in infos]
    alike = len({record.fingerprint for record in records}) == 1
    return records[0].model_copy(
        update={
            "name": " and ".join(dict.fromkeys(record.name for record in records)),
            "kind": " and ".join(dict.fromkeys(record.kind for record in records)),
            "fingerprint": records[0].fingerprint if alike else "",
            "n_train": max(record.n_train for record in records),
            "n_validation": min(record.n_validation for record in records),
            "licence": " ".join(dict.fromkeys(record.licence for record in records)),
        }
    )


def _facts(infos: Sequence[BundleInfo]) -> RunFacts | None:
    """What holds for every member's run; None where their splits differ or one tells nothing."""
    facts = [info.facts for info in infos]
    if any(each is None or each.images != facts[0].images for each in facts):
        return None
    return facts[0].model_copy(
        update={
            "settings": _shared([each.settings for each in facts]),
            "software": _shared([each.software for each in facts]),
            "evaluations": 0,
            "evaluated": "",
            "subgroups": "",
            "notes": tuple(dict.fromkeys(note for each in facts for note in each.notes)),
        }
    )


def _shared(given: Sequence[dict[str, str]]) -> dict[str, str]:
    return {name: value for name, value in given[0].items() if all(each.get(name) == value for each in given)}


def _counted(words: Sequence[str]) -> str:
    times = Counter(words)
    return _listed([word if n == 1 else f"{n} × {word}" for word, n in times.items()])


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
