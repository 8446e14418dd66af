"""What a bundle's record answers to the questions of `card_items`; None where it does not know."""

from __future__ import annotations

from skin_core.evaluation.class_rule import balanced_titles
from skin_core.screening.map_record import NOT_MEASURED
from skin_core.screening.pooling import HOWS
from skin_core.screening.record import BundleInfo, Evaluation


def title(info: BundleInfo) -> str:
    """Kind of study, method and target."""
    kind = "an image classifier" if not info.features else "a classifier of images and columns"
    return (
        f"Development of {kind} ({info.family_title or info.family}, deep learning) that tells "
        f"{len(info.classes)} classes of skin lesions apart."
    )


def outcome(info: BundleInfo) -> str:
    """What is predicted."""
    if not info.has_risk:
        return f"The class of the lesion: {', '.join(info.titles.values())}."
    positive = ", ".join(info.titles[name] for name in info.endpoint)
    return f"Malignant or premalignant ({positive}) against benign, and each class."


def sources(info: BundleInfo) -> str:
    """Where the pictures come from."""
    return f"{info.data.name}, {info.data.kind} (layout {info.data.source}; fingerprint {info.data.fingerprint})."


def public(info: BundleInfo) -> str | None:
    """Terms of the data, where they name a publication."""
    return info.data.licence if "doi" in info.data.licence or info.synthetic else None


def synthetic(info: BundleInfo) -> str:
    """Whether pictures are drawn."""
    if not info.synthetic:
        return "None were used."
    return "All or some pictures are drawn by the program that published this model, and can be drawn again."


def excluded(info: BundleInfo) -> str | None:
    """What the audit left out, by reason."""
    if info.facts is None:
        return None
    reasons = ", ".join(f"{reason}: {n:,}" for reason, n in info.facts.left_out.items())
    return f"By the audit: {reasons}." if reasons else "The audit left no picture out."


def preprocessing(info: BundleInfo) -> str:
    """From a file to what the network sees."""
    constancy = ", shades of grey (Minkowski norm 6)" if info.color_constancy == "shades_of_grey" else ""
    return (
        f"Decoded upright to RGB, made square ({info.crop}), resized to {info.image_size} × {info.image_size} pixels with "
        f"antialiasing{constancy}, values 0 to 255; scaling lies in the network (preprocessing version {info.preprocessing_version})."
    )


def identities(info: BundleInfo) -> str:
    """What of a person is in the bundle."""
    return (
        "The bundle holds no picture, no file name and no path; ids of lesions are hashed, thumbnails have 16 pixels."
    )


def missing(info: BundleInfo) -> str | None:
    """What becomes of unknown values."""
    if not info.features:
        return "No column beside the picture is used; pictures that cannot be read are left out."
    return f"Of {', '.join(info.features)}: unknown is a level of its own, an unknown number is encoded as missing."


def predictors(info: BundleInfo) -> str:
    """What goes into the network."""
    return f"The picture; columns beside it: {', '.join(info.features) or 'none'}."


def people(info: BundleInfo) -> str | None:
    """Ages and sexes in each partition."""
    if info.facts is None or not info.facts.people:
        return None
    return ". ".join(f"{split}: {words}" for split, words in info.facts.people.items()) + "."


def partitions(info: BundleInfo) -> str | None:
    """Images and groups in each partition."""
    if info.facts is None:
        return f"Training {info.data.n_train:,}, validation {info.data.n_validation:,} images."
    told = ", ".join(
        f"{split} {sum(info.facts.images[split].values()):,} images of {info.facts.groups[split]:,} {info.facts.group_word}"
        for split in info.facts.images
    )
    return f"{told}; drawn once with seed {info.facts.settings.get('seed', 'not known')}."


def disjoint(info: BundleInfo) -> str | None:
    """At which level the partitions share nothing."""
    if info.facts is None:
        return None
    return (
        f"{info.facts.group_word.capitalize()}, and pictures that are twins of each other, lie in one split as a whole."
    )


def balance(info: BundleInfo) -> str | None:
    """Training images of each class, and how they were balanced."""
    counts = ", ".join(f"{entry.name} {entry.n_train:,}" for entry in info.classes)
    balance = None if info.facts is None else info.facts.settings.get("balance", None if info.ensemble else "none")
    how = "" if balance is None else f"; balancing: {balance}, in training only"
    return f"Training images: {counts}{how}."


def software(info: BundleInfo) -> str | None:
    """Program and libraries."""
    if info.facts is None:
        return info.program or None
    return f"{info.program}; {', '.join(f'{name} {number}' for name, number in info.facts.software.items())}."


def start(info: BundleInfo) -> str | None:
    """Where the weights started."""
    if info.ensemble is not None:
        return _each_member(info)
    if info.facts is None:
        return None
    start = info.facts.settings.get("start_from")
    weights = "weights of run " + start if start else f"backbone weights: {info.facts.settings.get('weights')}"
    return f"{weights}{'; its backbone started at random' if info.untrained else ''}."


def _each_member(info: BundleInfo) -> str:
    return f"See the model cards of its members: {', '.join(member.name for member in info.ensemble.members)}."


def training(info: BundleInfo) -> str | None:
    """Every setting of the training."""
    if info.ensemble is not None:
        return _each_member(info)
    if info.facts is None:
        return None
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in info.facts.settings.items()) + "."


def selection(info: BundleInfo) -> str | None:
    """How the final weights were chosen."""
    if info.ensemble is not None:
        names = ", ".join(member.name for member in info.ensemble.members)
        return f"An ensemble of {names}, by {HOWS[info.ensemble.how]}; their weights are those of their own bundles."
    if info.facts is None:
        return None
    return (
        f"Epoch {info.facts.settings.get('best_epoch')} of {info.facts.settings.get('epochs')}, the best by "
        f"{info.facts.settings.get('monitor')}; no ensemble."
    )


def output(info: BundleInfo) -> str:
    """Probabilities, risk, decision."""
    parts = ["A probability for each class, calibrated on validation"]
    if info.has_risk:
        risk = info.risk_calibration
        method = f" ({risk.method})" if risk else ""
        at = f" for a prevalence of {info.prevalence:.3f}" if info.prevalence else ""
        parts.append(f"a risk, calibrated as a quantity of its own{method}{at}")
    if info.operating_point:
        parts.append(
            f"a decision at a threshold of {info.operating_point.threshold:.4f}, chosen on validation as "
            f"{info.operating_point.chosen}"
        )
    return "; ".join(parts) + "."


def specification(info: BundleInfo) -> str:
    """Where the whole model is."""
    return "The whole network is in the bundle (model.keras and screen.tflite), with its calibration (bundle.json)."


def served(info: BundleInfo) -> str | None:
    """How far the served model differs from the trained one."""
    if "served" not in info.parity:
        return None
    return (
        f"{info.parity['served_n']:.0f} validation pictures screened from their files differ by at most "
        f"{info.parity['served']:.1e} in probability from what the run said of them."
    )


def measures(info: BundleInfo) -> str | None:
    """How many figures there are, and their intervals."""
    measured = info.test or info.validation
    return (
        None
        if measured is None
        else f"{len(measured.metrics)} figures, each with a 95 % interval. {measured.intervals}"
    )


def internal(info: BundleInfo) -> str | None:
    """The figures on the locked test split."""
    if info.test is None:
        return None
    known = info.facts if info.ensemble is None else info.ensemble
    times = "" if known is None else f", read {_times(known.evaluations)}, last on {known.evaluated[:10]}"
    return f"On the locked test split{times}: {_headline(info.test)}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _headline(measured: Evaluation) -> str:
    balanced = balanced_titles(measured.metrics, measured.class_rule).get("balanced_accuracy", "")
    told = []
    for name, words in (
        ("melanoma_auc", "AUC of melanoma"),
        ("malignancy_auc", "AUC of malignant or premalignant"),
        ("malignancy_sensitivity", "sensitivity"),
        ("malignancy_specificity", "specificity"),
        ("balanced_accuracy", balanced.replace("Balanced", "balanced")),
    ):
        figure = measured.metrics.get(name)
        if figure is not None and figure.value is not None:
            span = "" if figure.low is None or figure.high is None else f" ({figure.low:.3f} to {figure.high:.3f})"
            told.append(f"{words} {figure.value:.3f}{span}")
    return f"{measured.n:,} images; " + (", ".join(told) or "no figure is defined")


def fairness(info: BundleInfo) -> str | None:
    """Figures by subgroup."""
    return info.facts.subgroups or None if info.facts is not None else None


def stranger(info: BundleInfo) -> str:
    """What becomes of pictures unlike those of training."""
    return "A gate refuses pictures far from the training pictures; it does not catch every unsuitable one."


def explained(info: BundleInfo) -> str:
    """Which explanations there are, and how they were checked."""
    told = NOT_MEASURED if info.map_check is None else info.map_check.sentence()
    several = info.ensemble is not None or (info.engine is not None and info.engine.views > 1)
    once = " (one view of the picture)" if several else ""
    return (
        f"Grad-CAM of each class in the same pass; Grad-CAM++, Score-CAM, SmoothGrad{once} and Shapley values of regions "
        f"on demand. {told}"
    )


def labels(info: BundleInfo) -> str:
    """Each class with its diagnosis, and what was never seen."""
    unseen = f" Never seen: {', '.join(info.unseen)}." if info.unseen else ""
    return f"{', '.join(f'{entry.name} = {entry.title}' for entry in info.classes)}.{unseen}"


def limits(info: BundleInfo) -> str:
    """For what the figures hold."""
    first = "Trained on drawn pictures: nothing here holds for skin. " if info.synthetic else ""
    return (
        f"{first}Its figures hold for pictures like those that it was made from; other cameras, clinics and skin tones are "
        "not covered unless an item above says so."
    )


def code(info: BundleInfo) -> str:
    """Where code and model are, on what terms."""
    return f"{info.program} (MIT licence). Terms of the model: {info.data.licence}"
