"""What a reader of a prediction model asks, after three reporting guidelines, and what the program knows of it.

TRIPOD+AI (Collins et al. 2024, doi:10.1136/bmj-2023-078378), CLAIM 2024 (Tejani et al. 2024, doi:10.1148/ryai.240300)
and CLEAR Derm (Daneshjou et al. 2022, doi:10.1001/jamadermatol.2021.4915), in words of our own and by their numbers. An
item that a program cannot know stays open: a card that says nothing there would look complete. The numbers of TRIPOD+AI
and CLAIM were read against the item texts; those of CLEAR Derm could not be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skin_core.screening import card_answers as answers
from skin_core.screening.record import BundleInfo


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        title: what is asked.
        tripod, claim, clear: its numbers in the three guidelines; "" where one does not ask it.
        fill: what the record tells, or None where it is open.
    """

    title: str
    tripod: str
    claim: str
    clear: str
    fill: Callable[[BundleInfo], str | None]

    @property
    def numbers(self) -> str:
        """Where it is asked: ``TRIPOD+AI 5a; CLAIM 7``."""
        named = (("TRIPOD+AI", self.tripod), ("CLAIM", self.claim), ("CLEAR Derm", self.clear))
        return "; ".join(f"{name} {number}" for name, number in named if number)


def filled(info: BundleInfo) -> list[tuple[Item, str]]:
    """The items that the record answers, in the guidelines' order."""
    return [(item, text) for item in ITEMS if (text := item.fill(info))]


def open_items(info: BundleInfo) -> list[Item]:
    """The items that a person has to answer."""
    return [item for item in ITEMS if not item.fill(info)]


def _open(_: BundleInfo) -> None:
    return None


<<<<<<< HEAD
def _title(info: BundleInfo) -> str:
    kind = "an image classifier" if not info.features else "a classifier of images and columns"
    return (
        f"Development of {kind} ({info.family_title or info.family}, deep learning) that tells "
        f"{len(info.classes)} classes of skin lesions apart."
    )


def _outcome(info: BundleInfo) -> str:
    if not info.has_risk:
        return f"The class of the lesion: {', '.join(info.titles.values())}."
    positive = ", ".join(info.titles[name] for name in info.endpoint)
    return f"Malignant or premalignant ({positive}) against benign, and each class."


def _sources(info: BundleInfo) -> str:
    return f"{info.data.name}, {info.data.kind} (layout {info.data.source}; fingerprint {info.data.fingerprint})."


def _public(info: BundleInfo) -> str | None:
    return info.data.licence if "doi" in info.data.licence or info.synthetic else None


def _synthetic(info: BundleInfo) -> str:
    if not info.synthetic:
        return "None were used."
    return "All or some pictures are drawn by the program that published this model, and can be drawn again."


def _excluded(info: BundleInfo) -> str | None:
    if info.facts is None:
        return None
    reasons = ", ".join(f"{reason}: {n:,}" for reason, n in info.facts.left_out.items())
    return f"By the audit: {reasons}." if reasons else "The audit left no picture out."


def _preprocessing(info: BundleInfo) -> str:
    return (
        f"Decoded upright to RGB, made square ({info.crop}), resized to {info.image_size} × {info.image_size} pixels with "
        f"antialiasing{', shades of grey (Minkowski norm 6)' if info.color_constancy == 'shades_of_grey' else ''}, values 0 to 255; scaling lies in the network (preprocessing version {info.preprocessing_version})."
    )


def _identities(info: BundleInfo) -> str:
    return (
        "The bundle holds no picture, no file name and no path; ids of lesions are hashed, thumbnails have 16 pixels."
    )


def _missing(info: BundleInfo) -> str | None:
    if not info.features:
        return "No column beside the picture is used; pictures that cannot be read are left out."
    return f"Of {', '.join(info.features)}: unknown is a level of its own, an unknown number is encoded as missing."


def _predictors(info: BundleInfo) -> str:
    return f"The picture; columns beside it: {', '.join(info.features) or 'none'}."


def _people(info: BundleInfo) -> str | None:
    if info.facts is None or not info.facts.people:
        return None
    return ". ".join(f"{split}: {words}" for split, words in info.facts.people.items()) + "."


def _partitions(info: BundleInfo) -> str | None:
    if info.facts is None:
        return f"Training {info.data.n_train:,}, validation {info.data.n_validation:,} images."
    told = ", ".join(
        f"{split} {sum(info.facts.images[split].values()):,} images of {info.facts.groups[split]:,} {info.facts.group_word}"
        for split in info.facts.images
    )
    return f"{told}; drawn once with seed {info.facts.settings.get('seed', 'not known')}."


def _disjoint(info: BundleInfo) -> str | None:
    if info.facts is None:
        return None
    return (
        f"{info.facts.group_word.capitalize()}, and pictures that are twins of each other, lie in one split as a whole."
    )


def _balance(info: BundleInfo) -> str | None:
    counts = ", ".join(f"{entry.name} {entry.n_train:,}" for entry in info.classes)
    balance = None if info.facts is None else info.facts.settings.get("balance", None if info.ensemble else "none")
    how = "" if balance is None else f"; balancing: {balance}, in training only"
    return f"Training images: {counts}{how}."


def _software(info: BundleInfo) -> str | None:
    if info.facts is None:
        return info.program or None
    return f"{info.program}; {', '.join(f'{name} {number}' for name, number in info.facts.software.items())}."


def _start(info: BundleInfo) -> str | None:
    if info.ensemble is not None:
        return _each_member(info)
    if info.facts is None:
        return None
    start = info.facts.settings.get("start_from")
    weights = "weights of run " + start if start else f"backbone weights: {info.facts.settings.get('weights')}"
    return f"{weights}{'; its backbone started at random' if info.untrained else ''}."


def _each_member(info: BundleInfo) -> str:
    return f"See the model cards of its members: {', '.join(member.name for member in info.ensemble.members)}."


def _training(info: BundleInfo) -> str | None:
    if info.ensemble is not None:
        return _each_member(info)
    if info.facts is None:
        return None
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in info.facts.settings.items()) + "."


def _selection(info: BundleInfo) -> str | None:
    if info.ensemble is not None:
        names = ", ".join(member.name for member in info.ensemble.members)
        return f"An ensemble of {names}, by {HOWS[info.ensemble.how]}; their weights are those of their own bundles."
    if info.facts is None:
        return None
    return (
        f"Epoch {info.facts.settings.get('best_epoch')} of {info.facts.settings.get('epochs')}, the best by "
        f"{info.facts.settings.get('monitor')}; no ensemble."
    )


def _output(info: BundleInfo) -> str:
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


def _specification(info: BundleInfo) -> str:
    return "The whole network is in the bundle (model.keras and screen.tflite), with its calibration (bundle.json)."


def _served(info: BundleInfo) -> str | None:
    if "served" not in info.parity:
        return None
    return (
        f"{info.parity['served_n']:.0f} validation pictures screened from their files differ by at most "
        f"{info.parity['served']:.1e} in probability from what the run said of them."
    )


def _measures(info: BundleInfo) -> str | None:
    measured = info.test or info.validation
    return (
        None
        if measured is None
        else f"{len(measured.metrics)} figures, each with a 95 % interval. {measured.intervals}"
    )


def _internal(info: BundleInfo) -> str | None:
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


def _fairness(info: BundleInfo) -> str | None:
    return info.facts.subgroups or None if info.facts is not None else None


def _stranger(info: BundleInfo) -> str:
    return "A gate refuses pictures far from the training pictures; it does not catch every unsuitable one."


def _explained(info: BundleInfo) -> str:
    told = NOT_MEASURED if info.map_check is None else info.map_check.sentence()
    several = info.ensemble is not None or (info.engine is not None and info.engine.views > 1)
    once = " (one view of the picture)" if several else ""
    return (
        f"Grad-CAM of each class in the same pass; Grad-CAM++, Score-CAM, SmoothGrad{once} and Shapley values of regions "
        f"on demand. {told}"
    )


def _labels(info: BundleInfo) -> str:
    unseen = f" Never seen: {', '.join(info.unseen)}." if info.unseen else ""
    return f"{', '.join(f'{entry.name} = {entry.title}' for entry in info.classes)}.{unseen}"


def _limits(info: BundleInfo) -> str:
    first = "Trained on drawn pictures: nothing here holds for skin. " if info.synthetic else ""
    return (
        f"{first}Its figures hold for pictures like those that it was made from; other cameras, clinics and skin tones are "
        "not covered unless an item above says so."
    )


def _code(info: BundleInfo) -> str:
    return f"{info.program} (MIT licence). Terms of the model: {info.data.licence}"


=======
>>>>>>> h-judge
ITEMS: tuple[Item, ...] = (
    Item("Title: kind of study, method, target", "1", "1", "", answers.title),
    Item("Structured abstract", "2", "2", "", _open),
    Item("Clinical background, intended role, users", "3a, 3b", "3", "24, 25", _open),
    Item("Known health inequalities", "3c", "", "9", _open),
    Item("Aims and hypotheses", "4", "4, 6", "", _open),
    Item("Prospective or retrospective", "5a", "5", "", _open),
    Item("Source of the data", "5a", "7", "1", answers.sources),
    Item("Public data named with their reference and terms", "5a, 18e", "7, 43", "6", answers.public),
    Item("Drawn (synthetic) pictures", "", "7", "5", answers.synthetic),
    Item("Dates of collection", "5b", "7", "", _open),
    Item("Setting, centres, countries", "6a", "7", "13", _open),
    Item("Who was eligible", "6b", "8", "", _open),
    Item("Treatments before the picture", "6c", "", "", _open),
    Item("Left out, and why", "7, 11, 20a", "8, 10, 35", "", answers.excluded),
    Item("Preparation of the pictures", "7, 12b", "9", "4", answers.preprocessing),
    Item("Removal of identities", "", "11", "", answers.identities),
    Item("Devices, lighting, who took the pictures", "9b, 9c", "13", "3, 13", _open),
    Item("Artefacts in the pictures (rulers, pen marks, hair)", "7", "", "2", _open),
    Item("Outcome", "8a", "14", "17, 24", answers.outcome),
    Item("Classes and their diagnoses", "8a", "14", "17", answers.labels),
    Item("How the diagnosis was established; histology", "8a", "14, 15", "16, 18", _open),
    Item("Who annotated, and how far they agreed", "8b, 8c", "16, 17, 18", "16", _open),
    Item("Predictors", "9a, 9b", "22", "7", answers.predictors),
    Item("Sample size: why it is enough", "10", "21", "", _open),
    Item("Missing values", "11", "12", "", answers.missing),
    Item("Partitions and their sizes", "12a, 21", "19, 35", "10, 11", answers.partitions),
    Item("Level at which the partitions are disjoint", "12a", "20", "10", answers.disjoint),
    Item("People in each partition", "20b", "36", "7", answers.people),
    Item("Skin tones, and how they were assessed", "20b", "36", "8", _open),
    Item("Class balance and events", "13, 21", "19", "14", answers.balance),
    Item("Where the weights started", "12c", "24", "19", answers.start),
    Item("Training", "12c", "25", "19", answers.training),
    Item("Choice of the final model", "12c", "26, 27", "19", answers.selection),
    Item("Software", "", "23", "19", answers.software),
    Item("Output, calibration, threshold", "13, 15", "22, 28", "19", answers.output),
    Item("The model itself", "22", "22, 43", "20", answers.specification),
    Item("Served as trained", "12g", "", "", answers.served),
    Item("Pictures unlike the training pictures", "27a", "30", "15", answers.stranger),
    Item("Explanations", "", "31", "", answers.explained),
    Item("Measures and their uncertainty", "12e, 23a", "28, 29", "21", answers.measures),
    Item("Result on data of the same source", "23a", "32, 37, 38", "21", answers.internal),
    Item("Result on data of another source", "16, 20c, 23a", "33", "12", _open),
    Item("Fairness: differences between groups", "14, 23a", "37", "23", answers.fairness),
    Item("Mistakes looked at one by one", "", "39", "", _open),
    Item("Comparison with other models or with clinicians", "12e, 25", "28", "22", _open),
    Item("Updating, heterogeneity between centres", "12d, 12f, 23b, 24", "", "", _open),
    Item("Ethics approval and consent", "17", "", "", _open),
    Item("Funding and conflicts of interest", "18a, 18b", "44", "", _open),
    Item("Protocol and registration", "18c, 18d", "34, 42", "", _open),
    Item("Code, data and model: where, on what terms", "18e, 18f", "43", "20", answers.code),
    Item("Patients and the public: how they took part", "19", "", "", _open),
    Item("Interpretation against earlier work", "25", "", "22", _open),
    Item("Limits", "26", "40", "23", answers.limits),
    Item("Use in practice: what has to be there, what it changes", "27a, 27b", "41", "25", _open),
    Item("Next steps of research", "27c", "", "", _open),
)
