"""The form of a run, made from `RunConfig` itself: a field added there appears here."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from skin_core.answers import gives_away
from skin_core.config import RunConfig
from skin_core.data.manifest import COLUMNS, Manifest
from skin_core.models.family import ModelFamily
from skin_core.services import datasets, runs

_ELSEWHERE = ("data", "family", "risk_levels")  # Chosen above the form, or on the Data page.
_BACKBONE = ("weights", "freeze_backbone", "cached_views")
CROSS_VALIDATION = ("folds", "cv_select")
_OWN_FILE = "own file"
_WORDS = {
    **{"cutmix": "CutMix", "mixup": "MixUp", "rand_augment": "RandAugment", "rand_magnitude": "RandAugment's strength"},
    **{"none": "none", "cv_select": "The epoch of a fold is chosen by"},
}
_OPTIONS = {
    "inner": "an inner validation part",
    "last": "nobody: the last one",
    "held": "the held fold (flatters)",
}


def run_form(
    defaults: RunConfig,
    family: ModelFamily,
    manifest: Manifest,
    risk_levels: dict[str, str],
    *,
    key: str,
    without: tuple[str, ...] = (),
) -> RunConfig:
    """Draws the form as the family or the recipe fills it in and returns what stands in it then.

    Args:
        defaults: what it begins with; says the data set too.
        family: the chosen family.
        manifest: its columns are offered as features.
        risk_levels: levels that differ from the mapping, chosen on the Data page.
        key: what the widgets' keys begin with: another beginning is another form.
        without: fields that are not asked for; they stay as ``defaults`` has them.

    Raises:
        ConfigError: one sentence, if the values do not go together.
    """
    values: dict[str, Any] = {**defaults.model_dump(), "risk_levels": risk_levels}
    shown = [name for name in RunConfig.model_fields if name not in (*_ELSEWHERE, *without) and _concerns(name, family)]
    folded = [name for name in shown if (RunConfig.model_fields[name].json_schema_extra or {}).get("folded")]
    nested = [name for name in shown if _is_nested(RunConfig.model_fields[name])]
    plain = [name for name in shown if name not in folded and name not in nested]
    if family.tabular and "features" in folded:  # A family that reads columns is nothing without them.
        folded.remove("features")
        plain.insert(1, "features")
    _grid(plain, RunConfig.model_fields, defaults, key, values, manifest)
    folds = [name for name in folded if name in CROSS_VALIDATION]
    folded = [name for name in folded if name not in CROSS_VALIDATION]
    if folds:
        with st.expander("Cross-validation", icon=":material/view_module:"):
            st.caption(
                "Trains one network for each fold and judges each on the lesions that it never saw. It tells how good these "
                "settings are, with the spread over folds; it makes no network to publish. The test split stays locked."
            )
            _grid(folds, RunConfig.model_fields, defaults, key, values, manifest)
    for name in nested:
        field, inner = RunConfig.model_fields[name], getattr(defaults, name)
        with st.expander(f"{label_of(name)}: {_in_words(inner)}", icon=":material/auto_awesome_motion:"):
            st.caption(f"{field.description}; 0 or none is off.")
            values[name] = {}
            _grid(
                list(type(inner).model_fields),
                type(inner).model_fields,
                inner,
                f"{key}.{name}",
                values[name],
            )
    with st.expander("Rarely needed", icon=":material/tune:"):
        _grid(folded, RunConfig.model_fields, defaults, key, values, manifest)
    return RunConfig.parse(values)


def _grid(
    names: list[str],
    fields: dict[str, FieldInfo],
    defaults: BaseModel,
    prefix: str,
    values: dict[str, Any],
    manifest: Manifest | None = None,
) -> None:
    for start in range(0, len(names), 3):
        for name, column in zip(names[start : start + 3], st.columns(3), strict=False):
            with column:
                key = f"{prefix}.{name}"
                if name == "features" and manifest is not None:
                    values[name] = _features(defaults.features, manifest, fields[name], key)
                elif name == "lesion_ids_from":
                    values[name] = _other_sets(defaults.data, fields[name], key)
                elif name == "start_from":
                    values[name] = _start_from(defaults, fields[name], key)
                elif name == "distill_from":
                    values[name] = _teachers(defaults.distill_from, fields[name], key)
                elif name == "weights":
                    values[name] = _weights(defaults.weights, fields[name], key)
                else:
                    values[name] = _widget(name, fields[name], getattr(defaults, name), key)


def _widget(name: str, field: FieldInfo, value: Any, key: str) -> Any:
    """The Streamlit input that fits a field's type and bounds."""
    label, told = label_of(name), field.description
    if get_origin(field.annotation) is Literal:
        options = list(get_args(field.annotation))
        return st.selectbox(label, options, options.index(value), format_func=_option, key=key, help=told)
    if field.annotation is bool:
        return st.toggle(label, value, key=key, help=told)
    # Where a whole number may be missing, the box may be empty.
    if int in (field.annotation, *get_args(field.annotation)):
        low, high = _bounds(field, margin=1)
        return st.number_input(label, low, high, value, step=1, key=key, help=told)
    if field.annotation is float:
        low, high = _bounds(field, margin=1e-8)
        step = 0.05 if value >= 0.05 or value == 0 else value / 10
        if (high or 0) > 2 or high is None:
            step = max(1.0, value / 4) if value >= 1 or value == 0 else value / 10
        return st.number_input(
            label,
            None if low is None else float(low),
            None if high is None else float(high),
            float(value),
            step=float(step),
            format="%g",
            key=key,
            help=told,
        )
    return st.text_input(label, value, key=key, help=told)


def _features(chosen: tuple[str, ...], manifest: Manifest, field: FieldInfo, key: str) -> tuple[str, ...]:
    told = [name for name in ("age", "sex", "site") if manifest.frame[name].notna().any()]
    options = [*told, *(name for name in (*manifest.frame.columns, *manifest.further) if _is_feature(name))]
    default = [name for name in chosen if name in options]
    return tuple(st.multiselect(label_of("features"), options, default, key=key, help=field.description))


def _other_sets(data: str, field: FieldInfo, key: str) -> tuple[str, ...]:
    titles = datasets.titles_of(entry for entry in datasets.known_datasets() if entry.path != data)
    label = label_of("lesion_ids_from")
    return tuple(st.multiselect(label, list(titles), format_func=titles.__getitem__, key=key, help=field.description))


def _is_feature(column: str) -> bool:
    """Whether a further csv column may be offered: not one of the manifest's own, not one that tells the answer."""
    return column not in (*COLUMNS, "synthetic") and not gives_away(column)


def _start_from(defaults: RunConfig, field: FieldInfo, key: str) -> str:
    known = (run for run in runs.list_runs() if run.config.family == defaults.family and run.best_epoch)
    titles = {run.run_id: run.title for run in known}
    options = ["", *titles]
    return st.selectbox(
        label_of("start_from"),
        options,
        options.index(defaults.start_from) if defaults.start_from in options else 0,
        format_func=lambda run_id: f"{titles[run_id]} ({run_id})" if run_id else "no earlier run",
        key=key,
        help=field.description,
    )


def _teachers(chosen: tuple[str, ...], field: FieldInfo, key: str) -> tuple[str, ...]:
    done = {run.run_id: run for run in runs.list_runs() if run.status in ("finished", "stopped")}
    titles = {
        run_id: f"{run.title}{f', {run.config.folds} folds' if run.config.folds else ''} ({run_id})"
        for run_id, run in done.items()
        if run.best_epoch or (run.config.folds and run.status == "finished")
    }
    default = [run_id for run_id in chosen if run_id in titles]
    label = label_of("distill_from")
    return tuple(
        st.multiselect(label, list(titles), default, format_func=titles.__getitem__, key=key, help=field.description)
    )


def _weights(value: str, field: FieldInfo, key: str) -> str:
    options = ["imagenet", "random", _OWN_FILE]
    chosen = st.selectbox(label_of("weights"), options, options.index(value), key=key, help=field.description)
    if chosen != _OWN_FILE:
        return chosen
    return st.text_input("Path of the .weights.h5 file", key=f"{key}.file")


def _bounds(field: FieldInfo, margin: float) -> tuple[Any, Any]:
    low = high = None
    for rule in field.metadata:
        low = getattr(rule, "ge", low)
        high = getattr(rule, "le", high)
        if getattr(rule, "gt", None) is not None:
            low = rule.gt + margin
        if getattr(rule, "lt", None) is not None:
            high = rule.lt - margin
    return low, high


def _concerns(name: str, family: ModelFamily) -> bool:
    if name in _BACKBONE and family.pretrained is None:
        return False
    return name != "features" or family.tabular


def _is_nested(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _in_words(inner: BaseModel) -> str:
    on = [label_of(name).lower() for name, value in inner if value not in (0, "none", False)]
    return ", ".join(on) or "off"


def label_of(name: str) -> str:
    """A setting's name for people: ``label_smoothing`` as "Label smoothing", ``augmentation.zoom`` as "Zoom"."""
    name = name.rpartition(".")[2]
    return _WORDS.get(name) or name.replace("_", " ").capitalize()


def _option(value: str) -> str:
    if value.startswith("val_"):
        return value.removeprefix("val_").replace("_", " ").replace("auc", "AUC") + " (validation)"
    return _OPTIONS.get(value) or value.replace("_", " ")
