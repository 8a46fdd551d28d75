"""The file of `Moments`: NumPy's npz, one array per field, and a version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

VERSION = 2
NAMES = "feature_names"
SHAPES = {  # of every field, from those of mean (p,) and target_mean (...)
    "weight": lambda p, targets: (),
    "mean": lambda p, targets: p,
    "target_mean": lambda p, targets: targets,
    "gram": lambda p, targets: p + p,
    "cross": lambda p, targets: targets + p,
    "target_norm2": lambda p, targets: targets,
}


def write(path: Any, fields: Mapping[str, Any]) -> None:
    """Write the fields, whole or not at all."""
    arrays: dict[str, Any] = {name: np.asarray(fields[name]) for name in SHAPES}
    arrays["dtype"] = np.asarray(fields["dtype"].name)
    if fields[NAMES] is not None:
        arrays[NAMES] = np.asarray(fields[NAMES], dtype=str)
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")  # to take the file's place in one step
    try:
        with open(draft, "wb") as file:
            np.savez(file, version=VERSION, **arrays)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Any) -> dict[str, Any]:
    """Return the fields, or raise ValueError that says what is wrong with the file."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (AttributeError, BadZipFile, EOFError, OSError, ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a file of Moments: {error}") from error
    missing = {"version", "dtype", *SHAPES} - set(arrays)
    if missing:
        raise ValueError(f"{path} is not a file of Moments: it lacks {', '.join(sorted(missing))}.")
    version = arrays["version"]
    if version.shape or version != VERSION:
        raise ValueError(
            f"{path} holds Moments in version {version} of the file format; this skreg reads "
            f"version {VERSION}. Make them again from the data."
        )
    fields = {name: arrays[name][()] for name in SHAPES}
    names, dtype = arrays.get(NAMES), arrays["dtype"]
    _check(path, fields, names)
    if dtype not in (np.asarray("float32"), np.asarray("float64")):
        raise ValueError(f"{path}: dtype is {dtype}; expected float32 or float64.")
    return {
        **fields,
        "weight": float(fields["weight"]),
        "dtype": np.dtype(str(dtype)),
        NAMES: None if names is None else names.astype(object),  # as scikit-learn keeps them
    }


def _check(path: Any, fields: dict[str, NDArray], names: NDArray | None) -> None:
    """Raise ValueError for arrays that are not moments."""
    shapes = fields["mean"].shape, fields["target_mean"].shape
    for name, array in fields.items():
        if array.dtype != np.float64 or array.shape != SHAPES[name](*shapes):
            raise ValueError(
                f"{path}: {name} has dtype {array.dtype} and shape {array.shape}; expected "
                f"float64 and {SHAPES[name](*shapes)}."
            )
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{path}: {name} contains NaN or infinity.")
    if fields["weight"] < 0:
        raise ValueError(f"{path}: weight is negative.")
    if names is not None and (names.dtype.kind != "U" or names.shape != shapes[0]):
        raise ValueError(f"{path}: {NAMES} are not {shapes[0][0]} texts.")
