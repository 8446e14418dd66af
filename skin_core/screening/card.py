"""The model card: what a bundle is, what it was made from, how well it does, what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping

from skin_core.evaluation.class_rule import RULE_WORDS, balanced_titles
from skin_core.screening.card_items import filled, open_items
from skin_core.screening.map_record import NOT_MEASURED, Measured
from skin_core.screening.record import BundleInfo, EngineLoss, EngineRecord, Evaluation, Figure
from skin_core.screening.variant import Variant

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
        f"- Network: {info.family_title or info.family}, input {info.image_size} × {info.image_size} pixels (crop: {info.crop})",
        f"- Trained on: {info.data.name}, {info.data.kind}; {info.data.n_train:,} pictures, {info.data.n_validation:,} for validation",
        f"- Columns beside the picture: {', '.join(info.features) or 'none'}",
        f"- Run {info.run_id}, published {info.created} by {info.program}; data fingerprint {info.data.fingerprint}",
        f"- LiteRT against Keras on real pictures: {info.parity.get('probabilities', float('nan')):.1e} in probability, {info.parity.get('maps', float('nan')):.1e} in the maps; weights {info.precision}",
        *(f"- {sentence}" for sentence in engine_sentences(info.engine)),
    ]
    return "## What it is\n\n" + "\n".join(lines)


_LOSSES = {"balanced_accuracy": "balanced accuracy", "malignancy_auc": "AUC, malignant or premalignant"}


def engine_sentences(record: EngineRecord | None) -> list[str]:
    """The engine's size and what it costs, for a card and a terminal."""
    if record is None:
        return []
    size = f"Engine: {Variant(record.kind, record.pruned).words}, {record.size / 1e6:.1f} MB"
    if not record.full_size:
        return [f"{size}."]
    allowed = ", ".join(f"{value:g} in {name}" for name, value in record.tolerance.items())
    sentences = [f"{size} in place of {record.full_size / 1e6:.1f} MB; differences to Keras let through: {allowed}."]
    losses = [_loss(title, record.loss[name]) for name, title in _LOSSES.items() if name in record.loss]
    return [*sentences, f"Lost on validation against float32 (95 % interval of the difference): {'; '.join(losses)}."]


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
    if info.facts is None or info.facts.evaluations < 2:
        return ""
    return f"**The locked test split was read {info.facts.evaluations} times for this run: its figures are no longer quite blind.**"


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
