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
