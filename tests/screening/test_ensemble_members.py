"""Which bundles go together, what is said of those that do not, and what an ensemble's record and card tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skin_core.data.audit import signatures
from skin_core.data.sources import read_manifest
from skin_core.errors import BundleError
from skin_core.screening.card import ensemble_sentences, model_card
from skin_core.screening.ensemble_members import check_members, described, member_record
from skin_core.screening.facts import RunFacts
from skin_core.screening.members import EnsembleRecord
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord, EngineLoss, EngineRecord, Evaluation
from skin_core.screening.seen import hashed, pack, pack_together, unpack

CLASSES = (
    ClassInfo(name="mel", title="Melanoma", risk_level="malignant", n_train=20),
    ClassInfo(name="nv", title="Melanocytic nevus", risk_level="benign", n_train=50),
)

GROUPS = {"train": 60}


def info(name: str, **changes: object) -> BundleInfo:
    """The record of a bundle that goes with the others made here."""
    values: dict[str, object] = {
        "name": name,
        "title": name.upper(),
        "family": "light_cnn",
        "family_title": "Light CNN",
        "classes": CLASSES,
        "image_size": 64,
        "crop": "squash",
        "preprocessing_version": 1,
        "data": DataRecord(name="set", source="ham10000", fingerprint="f", n_train=70, n_validation=15, licence="Own."),
        "files": {"screen.tflite": f"hash of {name}"},
        "facts": RunFacts(
            settings={"seed": "42", "balance": name}, images={"train": {"mel": 20, "nv": 50}}, groups=GROUPS
        ),
    }
    return BundleInfo(**{**values, **changes})


AGE = {"columns": [{"name": "age", "mean": 50.0, "std": 10.0}]}
OTHER_AGE = {"columns": [{"name": "age", "mean": 60.0, "std": 10.0}]}


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (info("b", files={"screen.tflite": "hash of a"}), "Bundles 'a' and 'b' are the same network; name it once."),
        (info("a"), "Bundle 'a' is named twice; name it once."),
        (
            info("b", image_size=96),
            "the same input size: 'a' has 64 pixels, 'b' has 96 pixels; train them alike.",
        ),
        (info("b", crop="pad"), "the same crop: 'a' has squash, 'b' has pad; train them alike."),
        (
            info("b", color_constancy="shades_of_grey"),
            "the same color constancy: 'a' has none, 'b' has shades of grey; train them alike.",
        ),
        (
            info("b", classes=(CLASSES[0], CLASSES[1].model_copy(update={"risk_level": None}))),
            "'b' has mel (malignant), nv (not known)",
        ),
        (info("b", classes=CLASSES[::-1]), "'b' has nv (benign), mel (malignant)"),
        (
            info("b", precision="int8"),
            "'b' computes in 8 bits (int8); publish its run with the engine float32 or float16",
        ),
    ],
)
def test_what_does_not_go_together_is_told(second: BundleInfo, says: str) -> None:
    with pytest.raises(BundleError) as error:
        check_members([info("a"), second])
    assert says in str(error.value) and str(error.value).endswith(".")


def test_columns_must_be_encoded_alike_and_need_not_be_taken() -> None:
    a, b = (info(name, features=("age",), encoder=AGE) for name in "ab")
    check_members([a, b, info("c")])
    with pytest.raises(BundleError, match=r"'a' and 'b' encode the columns .* differently"):
        check_members([info("c"), a, info("b", features=("age",), encoder=OTHER_AGE)])
    made = described([info("c"), a])
    assert made.features == ("age",) and made.encoder == AGE


def test_an_ensemble_needs_two_and_none_that_is_one_itself() -> None:
    with pytest.raises(BundleError, match=r"two bundles or more; got 1\."):
        check_members([info("a")])
    members = tuple(member_record_of(name) for name in "bc")
    with pytest.raises(BundleError, match=r"'d' is an ensemble itself; name its members \(b, c\) instead\."):
        check_members([info("a"), info("d", ensemble=EnsembleRecord(how="mean", members=members))])


def member_record_of(name: str):
    from skin_core.screening.members import MemberRecord

    return MemberRecord(name=name, title=name, network="Light CNN", digest=f"digest {name}", views=2, milliseconds=3.0)


def test_the_record_keeps_what_holds_for_all() -> None:
    other = DataRecord(name="other", source="folder", fingerprint="g", n_train=90, n_validation=9, licence="Theirs.")
    made = described([info("a", untrained=True), info("b", data=other, synthetic=True)])
    assert made.title == "Ensemble of A and B" and made.family == "ensemble"
    assert made.family_title == "Ensemble of 2 × Light CNN"
    twice = described([info("a", title="Same"), info("b", title="Same", family_title="")])
    assert (twice.title, twice.family_title) == ("Ensemble of a and b", "Ensemble of Light CNN and light_cnn")
    assert made.untrained and made.synthetic
    assert (made.data.name, made.data.fingerprint, made.data.licence) == ("set and other", "", "Own. Theirs.")
    assert (made.data.n_train, made.data.n_validation) == (90, 9)
    # The seed is the same in both runs, the balancing is not.
    assert made.facts.settings == {"seed": "42"}
    assert described([info("a"), info("b", facts=None)]).facts is None
    elsewhere = RunFacts(images={"train": {"mel": 1, "nv": 2}})
    assert described([info("a"), info("b", facts=elsewhere)]).facts is None


def test_the_card_tells_members_gains_and_cost(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        folder.mkdir()
        (folder / "screen.tflite").write_bytes(b"12345")
    # The member has 0.80 where the ensemble has 0.83; its lead of -0.03 lies between -0.05 and 0.01.
    losses = {"malignancy_auc": EngineLoss(full=0.80, loss=-0.03, low=-0.05, high=0.01)}
    records = tuple(
        member_record(info(folder.name, path=folder, digest=f"digest {folder.name}"), milliseconds=pace, losses=losses)
        for folder, pace in ((a, 2.0), (b, 4.0))
    )
    assert records[0].size == 5 and records[0].gains["malignancy_auc"].gain == pytest.approx(0.03)
    made = described([info("a"), info("b")]).model_copy(
        update={
            "name": "both",
            "engine": EngineRecord(size=10_000_000, milliseconds=6.04),
            "ensemble": EnsembleRecord(how="rank", members=records, fitted_on="the 12 pictures", has_test=True),
            "validation": Evaluation(split="validation", n=12),
        }
    )
    sentences = " ".join(ensemble_sentences(made))
    assert "2 passes and takes 6.0 ms" in sentences and "(a 2.0 ms, b 4.0 ms)" in sentences and "10.0 MB" in sentences
    assert "test split are undefined: evaluate-ensemble" in sentences
    card = model_card(made)
    assert "| a | Light CNN | 1 | undefined | 0.800, +0.030 (-0.010 to +0.050) | digest a |" in card
    assert "An ensemble of a, b, by the mean of the members' ranks" in card
    assert "no ensemble" not in card and "backbone weights" not in card and "balancing" not in card
    assert "Never judged on a locked test split" in card
    judged = made.model_copy(
        update={
            "test": Evaluation(split="test", n=9),
            "ensemble": made.ensemble.model_copy(update={"evaluations": 2, "evaluated": "2026-01-02"}),
        }
    )
    assert "read 2 times for this ensemble" in model_card(judged)
    assert "undefined: evaluate-ensemble" not in model_card(judged)
    assert ensemble_sentences(info("a")) == []


def test_a_member_without_ids_does_not_make_lesions_forgotten(demo_ham10000: Path) -> None:
    """A further picture of a lesion is known, in whichever order the members come."""
    prints = signatures(read_manifest(demo_ham10000))
    nameless = replace(prints, groups=("",) * len(prints))
    wanted = {hashed(group) for group in prints.groups}
    for members in ((prints, nameless), (nameless, prints)):
        together = unpack(pack_together([pack(member) for member in members]))
        assert set(together.groups) == wanted
        assert set(members[0].merged(members[1]).groups) >= set(prints.groups)
    assert len(prints.merged(nameless)) == len(prints.merged(prints)) == len(prints)


def test_the_union_of_fingerprints_holds_each_picture_once(demo_ham10000: Path) -> None:
    prints = signatures(read_manifest(demo_ham10000))
    first, second = prints.subset(prints.image_ids[:50]), prints.subset(prints.image_ids[30:])
    together = unpack(pack_together([pack(first), pack(second)]))
    whole = unpack(pack(prints))
    assert len(together) == len(prints.distinct[0])
    assert {digest.tobytes() for digest in together.digests} == {digest.tobytes() for digest in prints.digests}
    # Lesions are hashed once, or an evaluation would no longer know them.
    assert set(together.groups) == {hashed(group) for group in prints.groups}
    row = together.digests.tolist().index(whole.digests[60].tolist())
    assert np.array_equal(together.thumbs[row], whole.thumbs[60])
