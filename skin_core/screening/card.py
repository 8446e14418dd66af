"""The model card: what a bundle is, what it was made from, how well it does, what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping

from skin_core.evaluation.class_rule import RULE_WORDS, balanced_titles
from skin_core.screening.card_items import filled, open_items
from skin_core.screening.map_record import NOT_MEASURED, Measured
from skin_core.screening.members import Gain
from skin_core.screening.pooling import HOWS
from skin_core.screening.record import BundleInfo, EngineLoss, EngineRecord, Evaluation, Figure
from skin_core.screening.variant import Variant
from skin_core.screening.views import COUNTS

_SHOWN = {
    "malignancy_auc": "AUC, malignant or premalignant against benign",
    "malignancy_auc_without_premalignant": "AUC, malignant against benign",
    "melanoma_auc": "AUC, melanoma against the rest",
    "malignancy_sensitivity": "Sensitivity at the threshold",
    "malignancy_specificity": "Specificity at the threshold",
    "balanced_accuracy": "Balanced accuracy",
    "balanced_accuracy_likeliest": "Balanced accuracy of the likeliest class",
    "accuracy": "Accuracy",
    "macro_auc": "AUC, mean over the classes",
    "ece": "Calibration error (ECE)",
}


def model_card(info: BundleInfo) -> str:
    """Markdown; made from the record alone."""
    parts = [
        f"# {info.title}",
        "Research software, not a medical device: it must not decide on the care of a person.",
        "**Never judged on a locked test split: nobody knows how good it is.**" if info.test is None else _looks(info),
        _origin(info),
        _members(info),
        _classes(info),
        _performance(info),
        _heat_maps(info),
        _limits(info),
        _items(info),
        f"## Terms\n\n{info.data.licence}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(info: BundleInfo) -> str:
    lines = [
        f"- Network: {info.family_title or info.family}, input {info.image_size} × {info.image_size} pixels (crop: {info.crop}; color constancy: {info.color_constancy.replace('_', ' ')})",
        f"- Trained on: {info.data.name}, {info.data.kind}; {info.data.n_train:,} pictures, {info.data.n_validation:,} for validation",
        f"- Columns beside the picture: {', '.join(info.features) or 'none'}",
        f"- {f'Run {info.run_id}, published' if info.run_id else 'Made'} {info.created} by {info.program}; data fingerprint {info.data.fingerprint or 'of several'}",
        f"- LiteRT against Keras on real pictures: {info.parity.get('probabilities', float('nan')):.1e} in probability, {info.parity.get('maps', float('nan')):.1e} in the maps; weights {info.precision}",
        *(f"- {sentence}" for sentence in engine_sentences(info.engine)),
    ]
    return "## What it is\n\n" + "\n".join(lines)


def ensemble_sentences(info: BundleInfo) -> list[str]:
    """How an ensemble answers, what it was fitted to and what it costs; none for the bundle of a run."""
    record = info.ensemble
    if record is None:
        return []
    names = ", ".join(member.name for member in record.members)
    sentences = [
        f"An ensemble of {len(record.members)} bundles ({names}): its answer is {HOWS[record.how]}, calibrated once more.",
        f"Calibration, risk and threshold were fitted to {record.fitted_on}.",
    ]
    if info.engine is not None and info.engine.milliseconds is not None:
        alone = ", ".join(f"{member.name} {member.milliseconds:.1f} ms" for member in record.members)
        sentences.append(
            f"A picture makes {record.passes} passes and takes {info.engine.milliseconds:.1f} ms where the ensemble was made ({alone}); the engine has {info.engine.size / 1e6:.1f} MB."
        )
    if info.test is None:
        how = (
            "evaluate-ensemble judges it once on the locked test split that its members' runs have in common"
            if record.has_test
            else "evaluate-bundle judges it on a labelled set that its members have not seen"
        )
        sentences.append(f"Its figures on a test split are undefined: {how}.")
    return sentences


def _members(info: BundleInfo) -> str:
    if info.ensemble is None:
        return ""
    head = "| member | network | views | {} | digest of its bundle.json |\n| --- | --- | --- | {} | --- |".format(
        " | ".join(f"{title}, and what the ensemble gains" for title in _LOSSES.values()),
        " | ".join("---" for _ in _LOSSES),
    )
    rows = [
        f"| {_cell(member.name)} | {_cell(member.network)} | {member.views} | "
        + " | ".join(_gain(member.gains.get(name)) for name in _LOSSES)
        + f" | {member.digest} |"
        for member in info.ensemble.members
    ]
    told = "\n".join(f"- {sentence}" for sentence in ensemble_sentences(info))
    note = "Figures of the members are on the same validation pictures; gains with the 95 % interval of the difference."
    return f"## Members\n\n{told}\n\n{note}\n\n{head}\n" + "\n".join(rows)


def _gain(found: Gain | None) -> str:
    if found is None or found.member is None or found.gain is None:
        return "undefined"
    span = "" if found.low is None or found.high is None else f" ({found.low:+.3f} to {found.high:+.3f})"
    return f"{found.member:.3f}, {found.gain:+.3f}{span}"


_LOSSES = {"balanced_accuracy": "balanced accuracy", "malignancy_auc": "AUC, malignant or premalignant"}


def engine_sentences(record: EngineRecord | None) -> list[str]:
    """The engine's form and what it costs, for a card and a terminal."""
    if record is None:
        return []
    variant = Variant(record.kind, record.pruned, record.views)
    size = f"Engine: {variant.words}, {record.size / 1e6:.1f} MB"
    if not record.full_size:
        return [f"{size}{_pace(record)}."]
    # Views hardly change the file; another size, or pruning, is told with what was let through.
    shrunk = record.kind != "float32" or record.pruned > 0
    allowed = ", ".join(f"{value:g} in {name}" for name, value in record.tolerance.items())
    beside = f" in place of {record.full_size / 1e6:.1f} MB; differences to Keras let through: {allowed}"
    sentences = [f"{size}{beside if shrunk else ''}."]
    if record.views > 1:
        sentences.append(
            f"Each picture is looked at in {record.views} views ({COUNTS[record.views]}), whose answers are averaged"
            f"{_pace(record)}."
        )
    against = " and ".join((["float32"] if shrunk else []) + (["one view"] if record.views > 1 else []))
    gained = not shrunk
    losses = [
        _loss(title, _negated(record.loss[name]) if gained else record.loss[name])
        for name, title in _LOSSES.items()
        if name in record.loss
    ]
    verb = "Gained" if gained else "Lost"
    return [
        *sentences,
        f"{verb} on validation against {against} (95 % interval of the difference): {'; '.join(losses)}.",
    ]


def _pace(record: EngineRecord) -> str:
    """What it takes, after a comma; empty in records of older versions."""
    if record.milliseconds is None:
        return ""
    beside = ""
    if record.views > 1 and record.full_milliseconds is not None:
        beside = f" in place of {record.full_milliseconds:.1f} ms with one"
    passes = f"{record.views} passes, " if record.views > 1 else ""
    return f": {passes}{record.milliseconds:.1f} ms a picture{beside} where it was published"


def _negated(found: EngineLoss) -> EngineLoss:
    """A loss told as a gain: the interval's ends change places."""
    if found.loss is None:
        return found
    low, high = (None if end is None else 0.0 - end for end in (found.high, found.low))
    return found.model_copy(update={"loss": 0.0 - found.loss, "low": low, "high": high})


def _loss(title: str, found: EngineLoss) -> str:
    if found.loss is None:
        return f"{title} undefined"
    span = "" if found.low is None or found.high is None else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{title} {found.loss:.3f}{span} of {found.full:.3f}"


def _classes(info: BundleInfo) -> str:
    rows = [
        f"| {_cell(entry.name)} | {_cell(entry.title)} | {entry.risk_level or 'not known'} | {entry.n_train:,} |"
        for entry in info.classes
    ]
    table = "| class | diagnosis | risk level | training pictures |\n| --- | --- | --- | --- |\n" + "\n".join(rows)
    unseen = f"\n\nNever seen: {', '.join(info.unseen)}." if info.unseen else ""
    return f"## Classes\n\n{table}\n\nThe risk is P(malignant or premalignant){_risk_words(info)}.\n\n{class_rule_sentence(info)}{unseen}"


def _risk_words(info: BundleInfo) -> str:
    own = info.risk_calibration
    if own is None:
        return ", the sum over those classes"
    if own.prevalence is None:
        return ", not calibrated, because validation had only one outcome"
    how = f" ({own.method}) on {own.n:,} pictures of validation, of which {own.n_positive:,} were"
    return f", calibrated as a quantity of its own{how}: it is for a prevalence of {own.prevalence:.3f}"


def _performance(info: BundleInfo) -> str:
    parts = ["## How well it does"]
    if info.operating_point:
        point = info.operating_point
        specificity = "undefined" if point.specificity is None else f"{point.specificity:.3f}"
        parts.append(
            f"Threshold {point.threshold:.4f}, chosen on validation as {point.chosen}: sensitivity {point.sensitivity:.3f} of {point.n_positive:,}, specificity {specificity} of {point.n_negative:,}."
        )
    for evaluation, words in ((info.test, "the locked test split"), (info.validation, "validation")):
        if evaluation is not None:
            parts.append(_table(evaluation, words))
    if info.test is None:
        parts.append(
            "Validation also chose the epoch, the calibration and the threshold, so its figures flatter; the test split was not read yet."
        )
    return "\n\n".join(parts)


def _table(evaluation: Evaluation, words: str) -> str:
    titles = shown_titles(evaluation, _SHOWN)
    rows = [f"| {title} | {_figure(evaluation.metrics[name])} |" for name, title in titles.items()]
    head = f"On {evaluation.n:,} pictures of {words}. {evaluation.intervals}"
    return f"{head}\n\n| figure | value |\n| --- | --- |\n" + "\n".join(rows)


def shown_titles(evaluation: Evaluation, wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of some figures that an evaluation has, by name, with their titles: which class was named is told."""
    balanced = balanced_titles(evaluation.metrics, evaluation.class_rule)
    found = {}
    for name, title in wanted.items():
        if name in evaluation.metrics and (name in balanced or not name.startswith("balanced_accuracy")):
            found[name] = balanced.get(name, title)
    return found


def class_rule_sentence(info: BundleInfo) -> str:
    """Which class the bundle names, and which one accuracy is of."""
    if any(not entry.n_train for entry in info.classes):
        return f"A picture is given {RULE_WORDS['likeliest']}: the classes' shares in training are not known."
    return (
        f"Where one class has to be named, a picture is given {RULE_WORDS['alike']} (balanced accuracy, as in ISIC 2018, "
        "and the figures of each class); accuracy is of the likeliest class."
    )


def _figure(figure: Figure | Measured) -> str:
    if figure.value is None:
        return "undefined"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


_GAINS = {
    "deletion_gain_over_random": "Hiding what it marks, against random pixels",
    "deletion_gain_over_centre": "Hiding what it marks, against the middle of the picture",
    "insertion_gain_over_random": "Showing it first, against random pixels",
    "insertion_gain_over_centre": "Showing it first, against the middle of the picture",
}


def _heat_maps(info: BundleInfo) -> str:
    """Whether its maps show what it looks at; bundles of older versions say that nobody knows."""
    check = info.map_check
    if check is None or not check.figures:
        return f"## Heat maps\n\n{NOT_MEASURED}"
    rows = [f"| {title} | {_figure(check.figures[name])} |" for name, title in _GAINS.items() if name in check.figures]
    if check.agreement is not None:
        rows.append(f"| Rank agreement with the maps of random weights | {_figure(check.agreement)} |")
    table = "| gain in mean probability (above 0 is good) | value |\n| --- | --- |\n" + "\n".join(rows)
    return f"## Heat maps\n\n{check.sentence()}\n\n{table}\n\n{check.how()}"


def _limits(info: BundleInfo) -> str:
    lines = ["- Its figures hold for pictures like those that it was trained on, and for no other kind of photo."]
    if info.synthetic:
        lines.insert(0, "- It was trained on synthetic pictures: its figures say nothing about real skin.")
    if info.untrained:
        lines.insert(0, "- Its backbone was trained from random weights, without ImageNet.")
    lines.append("- The gate refuses pictures far from the training pictures; it does not catch every unsuitable one.")
    return "## Limits\n\n" + "\n".join(lines)


def _looks(info: BundleInfo) -> str:
    """How often the test split was read; more than once, its figures are no longer blind."""
    known, word = (info.facts, "run") if info.ensemble is None else (info.ensemble, "ensemble")
    if known is None or known.evaluations < 2:
        return ""
    return f"**The locked test split was read {known.evaluations} times for this {word}: its figures are no longer quite blind.**"


def _items(info: BundleInfo) -> str:
    rows = "\n".join(f"| {_cell(item.title)} | {_cell(text)} | {item.numbers} |" for item, text in filled(info))
    opened = "\n".join(f"- [ ] {item.title} ({item.numbers})" for item in open_items(info))
    return (
        "## What reporting guidelines ask\n\nAfter TRIPOD+AI (2024), CLAIM (2024) and CLEAR Derm (2022), filled from the run "
        f"where the program knows it.\n\n| item | of this model | asked in |\n| --- | --- | --- |\n{rows}\n\n"
        f"### Open items\n\nOnly a person can answer these:\n\n{opened}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
