import json

import numpy as np
import pandas as pd
import pytest

from skin_core.data.manifest import as_manifest_types
from skin_core.data.tabular import TabularEncoder
from skin_core.errors import ConfigError

TRAINING = as_manifest_types(
    pd.DataFrame(
        {
            "image_id": list("abcd"),
            "location": list("abcd"),
            "age": [40, 60, pd.NA, 50],
            "sex": ["male", "female", pd.NA, "male"],
            "site": ["trunk", "face", "face", "face"],
            "diameter": [1.0, 3.0, 1.0, 3.0],
        }
    )
)


def test_numbers_are_normalised_and_a_missing_one_is_flagged():
    encoder = TabularEncoder.fit(TRAINING, ["age"])
    # mean 50, std sqrt(200/3)
    std = (200 / 3) ** 0.5
    np.testing.assert_allclose(
        encoder.encode(TRAINING), [[-10 / std, 0], [10 / std, 0], [0, 1], [0, 0]], rtol=1e-6, atol=1e-7
    )
    assert encoder.names == ("age", "age missing")


def test_categories_are_one_hot_and_unknown_is_a_level_of_its_own():
    encoder = TabularEncoder.fit(TRAINING, ["sex", "site"])
    assert encoder.names == ("sex=female", "sex=male", "sex unknown", "site=face", "site=trunk", "site unknown")
    np.testing.assert_array_equal(encoder.encode(TRAINING)[2], [0, 0, 1, 1, 0, 0])
    # A site that the training split did not have is unknown, not an error.
    np.testing.assert_array_equal(encoder.encode_one({"sex": "female", "site": "palms/soles"}), [[1, 0, 0, 0, 0, 1]])


def test_one_person_is_encoded_like_a_row():
    encoder = TabularEncoder.fit(TRAINING, ["age", "sex", "site", "diameter"])
    rows = encoder.encode(TRAINING)
    one = encoder.encode_one({"age": 60, "sex": "female", "site": "face", "diameter": 3})
    assert one.dtype == np.float32 and one.shape == (1, encoder.width)
    np.testing.assert_array_equal(one[0], rows[1])
    nothing = encoder.encode_one({"age": None, "sex": None, "colour": "brown"})
    np.testing.assert_array_equal(nothing, [[0, 1, 0, 0, 1, 0, 0, 1, 0, 1]])


def test_a_column_that_the_data_lacks_is_missing_in_every_row():
    encoder = TabularEncoder.fit(TRAINING, ["age", "diameter"])
    np.testing.assert_array_equal(encoder.encode(TRAINING.drop(columns="diameter"))[:, 2:], [[0, 1]] * 4)


def test_the_encoder_survives_json():
    encoder = TabularEncoder.fit(TRAINING, ["age", "sex", "site", "diameter"])
    again = TabularEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    np.testing.assert_array_equal(again.encode(TRAINING), encoder.encode(TRAINING))


def test_no_features_are_no_columns():
    assert TabularEncoder.fit(TRAINING, []).encode(TRAINING).shape == (4, 0)


def test_numbers_read_as_text_are_numbers():
    frame = pd.DataFrame({"diameter": pd.array(["1.5", None, "2.5"], dtype="string")})
    encoder = TabularEncoder.fit(frame, ["diameter"])
    np.testing.assert_allclose(encoder.encode(frame), [[-1, 0], [0, 1], [1, 0]])


def test_a_column_that_does_not_vary_is_not_divided_by_zero():
    frame = pd.DataFrame({"age": [50.0, 50.0]})
    np.testing.assert_array_equal(TabularEncoder.fit(frame, ["age"]).encode(frame), [[0, 0], [0, 0]])


def test_columns_that_cannot_serve_are_named():
    with pytest.raises(ConfigError, match="no column 'height', 'weight'"):
        TabularEncoder.fit(TRAINING, ["age", "height", "weight"])
    with pytest.raises(ConfigError, match="'risk_level' is empty"):
        TabularEncoder.fit(TRAINING, ["risk_level"])
    many = pd.DataFrame({"patient": [f"P{number}" for number in range(100)]})
    with pytest.raises(ConfigError, match="'patient' has 100 different values"):
        TabularEncoder.fit(many, ["patient"])


def test_equal_numbers_that_rounding_moves_do_not_vary():
    frame = pd.DataFrame({"size": [0.1] * 7})
    encoder = TabularEncoder.fit(frame, ["size"])
    np.testing.assert_allclose(encoder.encode(pd.DataFrame({"size": [0.1, 0.2]}))[:, 0], [0, 0.1], atol=1e-6)


def test_codes_stay_codes_beside_a_missing_one():
    encoder = TabularEncoder.fit(pd.DataFrame({"device": ["1", "2", "x"]}), ["device"])
    found = encoder.encode(pd.DataFrame({"device": [1, 2, None]}))
    np.testing.assert_array_equal(found, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
