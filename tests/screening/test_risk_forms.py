"""Bundles of both forms: the risk as the sum over classes, and calibrated as a quantity of its own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from handmade_bundle import SIZE, write_bundle
from PIL import Image

from skin_core.data.synthesis.picture import Shot, photograph
from skin_core.errors import BundleError
from skin_core.evaluation.calibration import calibrated
from skin_core.evaluation.risk import RiskCalibration
from skin_core.imaging.decode import fit
from skin_core.screening import trust
from skin_core.screening.bundle import read_info
from skin_core.screening.card import model_card
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord, OperatingPoint
from skin_core.screening.risk import risk_of
from skin_core.screening.truth import class_shares, training_shares
from skin_core.services import screening

LOGITS = np.array([[1.0, 2.0, 0.5], [-1.0, 0.0, 3.0]], np.float32)
STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"


def _info(**changes: object) -> BundleInfo:
    classes = (
        ClassInfo(name="bcc", title="b", risk_level="malignant"),
        ClassInfo(name="mel", title="m", risk_level="malignant"),
        ClassInfo(name="nv", title="n", risk_level="benign"),
    )
    values = {
        "name": "x",
        "title": "X",
        "family": "light_cnn",
        "classes": classes,
        "image_size": 48,
        "crop": "pad",
        "preprocessing_version": 1,
        "calibration": {"temperature": 2.0, "bias": (0.1, 0.0, -0.1)},
        "data": DataRecord(name="d", source="folder"),
    }
    return BundleInfo(**{**values, **changes})


def test_an_older_bundle_sums_its_classes() -> None:
    info = _info(schema_version=1)
    assert risk_of(info, LOGITS) == pytest.approx(calibrated(LOGITS, 2.0, (0.1, 0.0, -0.1))[:, :2].sum(axis=1))
    assert info.prevalence is None
    point = OperatingPoint(threshold=0.3, sensitivity=0.95, specificity=0.6, n_positive=20, n_negative=60)
    assert info.model_copy(update={"operating_point": point}).prevalence == 0.25
    assert "the sum over those classes" in model_card(info)


@pytest.mark.parametrize(
    "own",
    [
        RiskCalibration("logistic", slope=0.5, intercept=-1.0, prevalence=0.2, n=50, n_positive=10),
        RiskCalibration("isotonic", scores=(-2.0, 2.0), risks=(0.1, 0.9), prevalence=0.2, n=50, n_positive=10),
    ],
)
def test_a_newer_bundle_has_a_calibration_of_its_own_and_keeps_it_in_json(own: RiskCalibration) -> None:
    info = _info(risk_calibration=own)
    again = BundleInfo.parse(info.model_dump_json(), name="x")
    assert again.risk_calibration == own and again.prevalence == 0.2 and again.schema_version == 4
    score = np.logaddexp(LOGITS[:, 0], LOGITS[:, 1]) - LOGITS[:, 2]
    assert risk_of(again, LOGITS) == pytest.approx(own(score))
    card = model_card(again)
    assert f"calibrated as a quantity of its own ({own.method}) on 50 pictures" in card and "0.200" in card


def test_the_risk_orders_pictures_after_the_balance_of_training_is_undone() -> None:
    """Two pictures, by hand. Under equal shares the first one's lesion is bcc or nevus at 3 to 2, the second one's melanoma
    or nevus at 2 to 2. At natural shares bcc is a tenth as frequent as it was made, melanoma half: 0.3 to 2 and 1 to 2."""
    logits = np.log(np.array([[3.0, 1e-9, 2.0], [1e-9, 2.0, 2.0]]))
    bias = tuple(np.log([0.1, 0.5, 1.0]).tolist())
    curve = {"slope": 1.0, "intercept": 0.0, "prevalence": 0.2, "n": 50, "n_positive": 10}
    changed = {"calibration": {"temperature": 1.0, "bias": bias}}
    now = _info(risk_calibration=RiskCalibration("logistic", of="classes", **curve), **changed)
    assert risk_of(now, logits) == pytest.approx([0.3 / 2.3, 1 / 3], abs=1e-6)
    before = _info(risk_calibration=RiskCalibration("logistic", **curve), **changed)
    assert risk_of(before, logits) == pytest.approx([0.6, 0.5], abs=1e-6)
    again = BundleInfo.parse(now.model_dump_json(), name="x")
    assert risk_of(again, logits) == pytest.approx(risk_of(now, logits))
    with pytest.raises(BundleError, match="must be of classes or network"):
        BundleInfo.parse(now.model_dump_json().replace('"of":"classes"', '"of":"else"'), name="x")


def test_a_damaged_calibration_of_the_risk_is_one_sentence() -> None:
    text = _info(risk_calibration=RiskCalibration("logistic")).model_dump_json()
    with pytest.raises(BundleError, match=r"does not rise\); publish it again\.$"):
        BundleInfo.parse(text.replace('"slope":1.0', '"slope":-1.0'), name="x")


def test_classes_are_weighed_by_the_shares_of_calibration_and_in_older_bundles_by_those_of_training() -> None:
    counted = tuple(
        entry.model_copy(update={"n_train": n}) for entry, n in zip(_info().classes, (6, 3, 1), strict=True)
    )
    older = _info(classes=counted)
    assert class_shares(older) == pytest.approx([0.6, 0.3, 0.1])
    now = _info(classes=counted, calibration={"temperature": 1.0, "shares": (0.5, 0.25, 0.25)})
    again = BundleInfo.parse(now.model_dump_json(), name="x")
    assert class_shares(again) == pytest.approx([0.5, 0.25, 0.25])
    assert training_shares(again) == pytest.approx([0.6, 0.3, 0.1])
    with pytest.raises(BundleError, match="another number of classes"):
        BundleInfo.parse(now.model_dump_json().replace("[0.5,0.25,0.25]", "[0.5,0.5]"), name="x")


def test_without_an_endpoint_there_is_no_risk() -> None:
    benign = ClassInfo(name="nv", title="n", risk_level="benign")
    other = ClassInfo(name="bkl", title="k", risk_level="benign")
    info = _info(classes=(benign, other), calibration={"temperature": 1.0})
    assert risk_of(info, LOGITS[:, :2]) is None


def test_an_older_bundle_on_disk_screens_as_it_did(
    bundle_files: dict[str, bytes], workspace: Path, lesions: list[bytes]
) -> None:
    levels = {"bkl": "premalignant", "mel": "malignant", "nv": "benign"}
    classes = tuple(ClassInfo(name=name, title=name, risk_level=level) for name, level in levels.items())
    folder = write_bundle(workspace.parent / "models" / "old", bundle_files, schema_version=1, classes=classes)
    trust.allow(read_info(folder).digest, "old")
    bundle = screening.load_bundle("old")
    assert bundle.info.schema_version == 1 and bundle.info.risk_calibration is None
    square = fit(np.asarray(Image.open(io.BytesIO(lesions[0])).convert("RGB")), SIZE, "crop")
    logits = bundle.engine.run(square[np.newaxis]).logits
    columns = [bundle.info.class_names.index(name) for name in ("bkl", "mel")]
    assert bundle.malignancy(logits) == pytest.approx(bundle.calibrated(logits)[:, columns].sum(axis=1), abs=1e-12)


def test_the_starter_has_a_risk_of_its_own() -> None:
    bundle = screening.load_bundle(STARTER)
    own = bundle.info.risk_calibration
    assert bundle.info.schema_version >= 2 and own is not None
    picture = photograph(Shot("melanoma", 2, 5, 6, 300, 225)).pixels
    logits = bundle.engine.run(fit(picture, bundle.info.image_size, bundle.info.crop)[np.newaxis]).logits
    assert own.of == "classes"
    given = bundle.malignancy(logits)
    logits = logits / bundle.info.calibration.temperature + np.array(bundle.info.calibration.bias)
    ill = np.array([name in ("akiec", "bcc", "mel") for name in bundle.info.class_names])
    score = np.log(np.exp(logits[:, ill]).sum(axis=1)) - np.log(np.exp(logits[:, ~ill]).sum(axis=1))
    assert given == pytest.approx(own(score), abs=1e-6)


def test_a_field_of_a_later_version_is_passed_over() -> None:
    own = RiskCalibration("logistic", slope=0.5, prevalence=0.2, n=50, n_positive=10)
    text = _info(risk_calibration=own).model_dump_json().replace('"slope":0.5', '"slope":0.5,"later":[1]')
    assert BundleInfo.parse(text, name="x").risk_calibration == own
