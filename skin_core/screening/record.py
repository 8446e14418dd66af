"""What ``bundle.json`` says: everything about a bundle that is not an array."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator, model_validator

from skin_core.errors import BundleError
from skin_core.evaluation.class_rule import ClassRule, with_present_names
from skin_core.evaluation.risk import RiskCalibration
from skin_core.imaging.color_constancy import ColorConstancy
from skin_core.screening.facts import RunFacts
from skin_core.screening.map_record import MapCheck
from skin_core.screening.members import EnsembleRecord

# 2: the risk has a calibration of its own. A program that knows only 1 would sum the classes and decide wrongly.
# 3: color constancy. A program that knows only 2 would show the network pictures in another light than it learnt from.
# 4: the risk reads the calibrated logits. A program that knows only 3 would read it off the network's own.
SCHEMA_VERSION = 4

NAME_PATTERN = r"^[a-z0-9_-]+$"
FILES = ("screen.tflite", "model.keras", "gate.npz", "signatures.npz", "MODEL_CARD.md")
ENDPOINT_LEVELS = ("malignant", "premalignant")


class _Frozen(BaseModel):
    # Unknown fields of a later minor version are passed over, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")


class ClassInfo(_Frozen):
    """One class, in output order.

    Attributes:
        name: the label as the data set writes it ("mel").
        title: as a page shows it ("Melanoma").
        risk_level: "benign", "premalignant", "malignant", or None where it is not known.
        n_train: training images of it.
    """

    name: str
    title: str
    risk_level: Literal["benign", "premalignant", "malignant"] | None = None
    n_train: int = 0


class OperatingPoint(_Frozen):
    """The threshold on the risk, and how it did on validation.

    Attributes:
        threshold: risk at or above it means "refer".
        sensitivity, specificity: on the validation split, 0–1 (specificity None without negatives).
        n_positive, n_negative: validation images behind them.
        chosen: how, after "chosen on validation as".
    """

    threshold: FiniteFloat
    sensitivity: float
    specificity: float | None
    n_positive: int
    n_negative: int
    chosen: str = "the highest with a sensitivity of at least 0.95"


class Calibration(_Frozen):
    """Calibrated probabilities are ``softmax(logits / temperature + bias)``; fitted on validation.

    The bias undoes the shift of the priors that class weights and resampling leave in the logits.

    Attributes:
        shares: of each class, under which the probabilities hold, see `class_rule.weighing_shares`; empty in records of
            older versions, which weighed classes by their shares in training.
    """

    temperature: FiniteFloat = Field(1.0, gt=0)
    bias: tuple[FiniteFloat, ...] = ()
    shares: tuple[Annotated[FiniteFloat, Field(gt=0)], ...] = ()


class Figure(_Frozen):
    """A metric with its 95 % interval; None where it is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Evaluation(_Frozen):
    """Metrics on one set.

    Attributes:
        split: "validation" or "test".
        n: images in it.
        metrics: by name (``balanced_accuracy``, ``malignancy_auc``, ...).
        intervals: how they came about, a sentence.
        class_rule: by which classes were named for the figures of each class; records of older versions took the
            likeliest.
    """

    split: str
    n: int
    metrics: dict[str, Figure] = Field(default_factory=dict)
    intervals: str = "95 % intervals by drawing the lesions anew 1,000 times."
    class_rule: ClassRule = "likeliest"

    @field_validator("metrics", mode="after")
    @classmethod
    def _by_present_names(cls, metrics: dict[str, Figure]) -> dict[str, Figure]:
        return with_present_names(metrics)


class EngineLoss(_Frozen):
    """What another engine loses of one figure on validation; None where undefined. A gain is below 0.

    Attributes:
        full: the figure of the float32 engine of the unpruned model, which looks at one view of a picture.
        loss: that less the published engine's; ``low``, ``high``: 95 % interval of the difference.
    """

    full: float | None = None
    loss: float | None = None
    low: float | None = None
    high: float | None = None


class EngineRecord(_Frozen):
    """In what form the engine was published; see `screening.variant`.

    Attributes:
        kind: "float32", "float16", "dynamic" or "int8".
        pruned: share of each convolution's weights that was set to zero.
        views: of each picture, whose answers are averaged.
        size: bytes of ``screen.tflite``; ``full_size``: of the float32 engine, 0 where that is the one published.
        milliseconds: time for a picture on the machine that published; ``full_milliseconds``: of the float32
            engine with one view. None where not measured.
        tolerance: of the comparison with Keras, in the units of ``parity``.
        loss: on validation against the float32 engine, by figure; empty where that is the one published.
    """

    kind: str = "float32"
    pruned: float = 0.0
    views: int = 1
    size: int = 0
    full_size: int = 0
    milliseconds: float | None = None
    full_milliseconds: float | None = None
    tolerance: dict[str, float] = Field(default_factory=dict)
    loss: dict[str, EngineLoss] = Field(default_factory=dict)


class DataRecord(_Frozen):
    """What the bundle was trained on: no path, no picture.

    Attributes:
        name: name of the data set's folder.
        source: name of the data source that read it.
        kind: what kind of pictures ("dermoscopic images", ...), for the standing warning.
        fingerprint: the manifest's.
        n_train, n_validation: images in each split.
        licence: what may be done with a model of this data.
    """

    name: str
    source: str
    kind: str = "pictures"
    fingerprint: str = ""
    n_train: int = 0
    n_validation: int = 0
    licence: str = ""


class BundleInfo(_Frozen):
    """A bundle as pages and the command line see it: cheap to read, no arrays.

    Attributes:
        name: folder name, ``[a-z0-9_-]+``.
        title, family, family_title: for people.
        classes: in output order.
        image_size: side of the square input in pixels.
        crop: how a picture becomes square ("squash", "crop", "pad").
        color_constancy: what is done about the light that it was taken in ("none", "shades_of_grey"); bundles of older
            versions say nothing and do nothing.
        features: columns taken beside the image ("age", "sex", "site"); empty for image only.
        encoder: the `TabularEncoder` as a dict, or None.
        calibration: of the classes. risk_calibration: of the risk; None in bundles whose risk is the sum over classes.
        operating_point: by which screening decides; None without positives in validation.
        further_points: thresholds by other rules, to choose from.
        validation, test: metrics with intervals; ``test`` is None until the run was evaluated.
        data: what it was trained on.
        unseen: diagnoses (titles) that the model has never seen.
        synthetic: trained on procedural pictures.
        untrained: its backbone started from random weights.
        precision: of the constants in ``screen.tflite``: "float32", "float16", "dynamic" or "int8".
        engine: its size and what that costs; None in bundles of older versions.
        parity: largest difference between LiteRT and Keras on real images ("probabilities", "maps"), and "served":
            between screening "served_n" validation pictures from their files and what the run said of them.
        map_check: what was measured of the heat maps; None in bundles of older versions.
        facts: how the run was made; None in bundles of older versions.
        ensemble: of which bundles an ensemble was made, and how; None for the bundle of a run.
        sites: values of site that the encoder knows, for a form.
        files: sha256 of each file.
        path, digest: where it lies, and the sha256 of its ``bundle.json`` (which names all other files' hashes).
    """

    schema_version: int = SCHEMA_VERSION
    name: str = Field(pattern=NAME_PATTERN)
    title: str
    family: str
    family_title: str = ""
    created: str = ""
    run_id: str = ""
    program: str = ""
    classes: tuple[ClassInfo, ...] = Field(min_length=2)
    image_size: int = Field(ge=16, le=2048)
    crop: Literal["squash", "crop", "pad"]
    color_constancy: ColorConstancy = "none"
    preprocessing_version: int
    features: tuple[str, ...] = ()
    encoder: dict[str, Any] | None = None
    calibration: Calibration = Field(default_factory=Calibration)
    risk_calibration: RiskCalibration | None = None
    operating_point: OperatingPoint | None = None
    further_points: tuple[OperatingPoint, ...] = ()
    validation: Evaluation | None = None
    test: Evaluation | None = None
    data: DataRecord
    unseen: tuple[str, ...] = ()
    synthetic: bool = False
    untrained: bool = False
    precision: str = "float32"
    engine: EngineRecord | None = None
    parity: dict[str, float] = Field(default_factory=dict)
    map_check: MapCheck | None = None
    facts: RunFacts | None = None
    ensemble: EnsembleRecord | None = None
    files: dict[str, str] = Field(default_factory=dict)
    path: Path = Field(Path(), exclude=True)
    digest: str = Field("", exclude=True)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> BundleInfo:
        names = self.class_names
        if len(set(names)) < len(names):
            raise ValueError("a class is listed twice")
        if not {len(self.calibration.bias), len(self.calibration.shares)} <= {0, len(names)}:
            raise ValueError("the calibration has another number of classes")
        if bool(self.features) != (self.encoder is not None):
            raise ValueError("features and encoder do not go together")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Labels in output order."""
        return tuple(entry.name for entry in self.classes)

    @property
    def titles(self) -> dict[str, str]:
        """Title of each class by name."""
        return {entry.name: entry.title for entry in self.classes}

    @property
    def endpoint(self) -> tuple[str, ...]:
        """Names of the classes that count as malignant or premalignant."""
        return tuple(entry.name for entry in self.classes if entry.risk_level in ENDPOINT_LEVELS)

    @property
    def has_risk(self) -> bool:
        """Whether a malignancy risk can be given: some class is in the endpoint and some is not."""
        return 0 < len(self.endpoint) < len(self.classes)

    @property
    def prevalence(self) -> float | None:
        """Share of the endpoint in validation, which is the prevalence that the risk is for; None where not known."""
        if self.risk_calibration is not None:
            return self.risk_calibration.prevalence
        point = self.operating_point
        return point.n_positive / (point.n_positive + point.n_negative) if point and point.n_negative else None

    @property
    def sites(self) -> tuple[str, ...]:
        """Values of ``site`` that the tabular encoder knows; empty where the bundle takes no site."""
        columns = (self.encoder or {}).get("columns", ())
        return next((tuple(column.get("levels", ())) for column in columns if column.get("name") == "site"), ())

    @classmethod
    def parse(cls, text: str, *, name: str) -> BundleInfo:
        """Reads the text of a ``bundle.json``.

        Raises:
            BundleError: if it is no bundle of this schema.
        """
        try:
            info = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BundleError(
                f"Bundle '{name}' has a bundle.json that cannot be used ({where}: {first['msg'].removeprefix('Value error, ')}); publish it again."
            ) from error
        if info.schema_version > SCHEMA_VERSION:
            raise BundleError(
                f"Bundle '{name}' has schema version {info.schema_version}, and this LesionLab knows up to {SCHEMA_VERSION}; update LesionLab."
            )
        return info
