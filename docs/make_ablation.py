"""Measures what each part of a training is worth, and writes ``docs/ablation.md`` and ``docs/ablation.json``.

    python docs/make_ablation.py HAM10000 [NAME ...] [--table]

Every row is one change against its group's base, cross-validated on the same folds of whole lesions and compared picture by picture on
the out-of-fold predictions (paired bootstrap over lesions). No epoch is chosen by any figure: the last one counts. The
test split is not touched. What is done stays in the workspace: a second call goes on where the first ended, and a row
whose settings have changed is made anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import skin_core.quiet  # noqa: E402, F401  (before any library that prints or sends)
from docs.ablations import BASE, GROUPS, Change, Group  # noqa: E402
from skin_core.config import RunConfig  # noqa: E402
from skin_core.overrides import apply_overrides  # noqa: E402
from skin_core.paths import write_text  # noqa: E402
from skin_core.services import cross_validation, runs  # noqa: E402

RESULTS = ROOT / "docs" / "ablation.json"
TABLE = ROOT / "docs" / "ablation.md"
# Fewer than an evaluation's: there are thirty rows, and the ends of their intervals are known to a twentieth.
RESAMPLES = 500
FIGURES = {
    "balanced_accuracy": "balanced accuracy",
    "melanoma_auc": "melanoma AUC",
    "malignancy_auc": "malignancy AUC",
    "macro_auc": "mean AUC",
}


def main() -> None:
    """Runs what is asked for and not done, writing the table after each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of HAM10000")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows, as group/change; all without one")
    parser.add_argument("--table", action="store_true", help="write the table of what is on disk, train nothing")
    asked = parser.parse_args()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for group in GROUPS:
        for change in group.changes:
            name = f"{group.name}/{change.name}"
            if asked.table or (asked.names and name not in asked.names):
                continue
            print(name, flush=True)
            found[name] = _row(asked.data, group, change)
            write_text(RESULTS, json.dumps(found, indent=1) + "\n")
            write_text(TABLE, _table(found))
    write_text(TABLE, _table(found))


def _missing(group: Group, found: Mapping[str, Any]) -> str:
    """The rows that are declared and were not run, told after the group's table; "" where there are none."""
    titles = [change.title for change in group.changes if f"{group.name}/{change.name}" not in found]
    return f"\nDeclared and not run yet: {'; '.join(titles)}.\n" if titles else ""


def _config(data: str, group: Group, change: Change) -> RunConfig:
    changed = dict(change.settings)
    if BASE in changed.get("distill_from", ()):
        changed["distill_from"] = [_done(_config(data, group, group.change(group.base)))]
    settings = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
    title = f"ablation {group.name}/{change.name}"
    return RunConfig.parse(apply_overrides({"data": data, "title": title, **group.settings}, settings))


def _done(config: RunConfig) -> str:
    """The run of exactly this configuration, finished or to be gone on with; made where there is none."""
    known = (view.run_id for view in runs.list_runs() if view.config == config and view.status != "failed")
    return next(known, None) or cross_validation.create_cross_validation(config=config)


def _row(data: str, group: Group, change: Change) -> dict[str, Any]:
    run_id = _done(_config(data, group, change))
    result = cross_validation.finish_cross_validation(run_id=run_id)
    figures = {row.name: asdict(row.figure) for row in result.pooled.rows if row.name in FIGURES}
    entry = {
        "n": result.pooled.n,
        "n_groups": result.pooled.n_groups,
        "figures": figures,
    }
    if change.name != group.base:
        base = _done(_config(data, group, group.change(group.base)))
        compared = cross_validation.compare_cross_validated(first=run_id, second=base, resamples=RESAMPLES)
        entry["differences"] = {
            row.name: {"value": row.difference, "low": row.low, "high": row.high, "p": row.p}
            for row in compared.rows
            if row.name in FIGURES
        }
    return entry


def _table(found: Mapping[str, Any]) -> str:
    parts = [
        "# What each part of a training is worth\n",
        "Made by `python docs/make_ablation.py HAM10000`. Each row changes one thing against the base of its group. All rows of a group "
        "share their folds of whole lesions; each picture is predicted by the network that never saw its lesion; no figure "
        "chose an epoch; the test split was not touched. Differences are paired, picture by picture, with 95 % intervals by "
        "drawing lesions anew: they say what other lesions would change, not what chance in training would (a row "
        "shows that). **Bold**: the interval does not hold 0. With this many comparisons one in twenty does so by chance. "
        "Where training balanced the classes, probabilities were brought back to the classes' own shares, and nothing else "
        "was calibrated; balanced accuracy is of the class that exceeds its share most.\n",
    ]
    for group in GROUPS:
        rows = [(change, found.get(f"{group.name}/{change.name}")) for change in group.changes]
        if not any(entry for _, entry in rows):
            parts.append(f"## {group.title}\n{_missing(group, found)}")
            continue
        first = next(entry for _, entry in rows if entry)
        parts.append(
            f"## {group.title}\n\n{group.paragraph} {first['n']:,} pictures of {first['n_groups']:,} lesions.\n"
        )
        parts.append(f"| change | {' | '.join(FIGURES.values())} |\n| --- |{' --- |' * len(FIGURES)}")
        parts[-1] += "".join("\n" + _line(change, entry, group) for change, entry in rows if entry) + "\n"
        parts[-1] += _missing(group, found)
    return "\n".join(parts)


def _line(change: Change, entry: Mapping[str, Any], group: Group) -> str:
    cells = []
    for name in FIGURES:
        figure = entry["figures"][name]
        if change.name == group.base:
            cells.append(f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})")
            continue
        difference = entry["differences"][name]
        words = f"{difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"
        cells.append(f"**{words}**" if difference["low"] > 0 or difference["high"] < 0 else words)
    return f"| {change.title} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
