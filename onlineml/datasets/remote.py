"""Real data that is downloaded at first use, by name.

Only the digest of Covertype is published by a project that verifies it (scikit-learn); the exact
lengths of the INSECTS files are known from river. Of Electricity and Airlines neither is: their
first download is pinned, see `onlineml.datasets.download.fetched`.
"""

from __future__ import annotations

from functools import partial

from onlineml.datasets.arff import ARFFStream
from onlineml.datasets.columns import one_of
from onlineml.datasets.csv_file import CSVStream
from onlineml.datasets.download import data_folder, fetched
from onlineml.datasets.known import Known
from onlineml.datasets.stream import Stream

_MOA = "https://master.dl.sourceforge.net/project/moa-datastream/Datasets/Classification/"
_COVERTYPE = "https://ndownloader.figshare.com/files/5976039"
_COVERTYPE_SHA256 = "614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771"
_DRIVE = "https://drive.google.com/uc?export=download&confirm=t&id="

# Variant -> its id on the server, its length in bytes, its rows.
_INSECTS = {
    "abrupt_balanced": ("1WQoIuuVgiuXfzv4kvao6XuLQG37V923O", 14_151_769, 52_848),
    "abrupt_imbalanced": ("1Z9W2_mwawobXeTihZDTDnFOCtfdgmgDa", 94_893_622, 355_275),
    "gradual_balanced": ("1fepYkDxwMbuoRUaG_fsymSzkuapS4vJp", 6_474_831, 24_150),
    "gradual_imbalanced": ("1_WJ7lxK2sx1i6kq9Nqv4KrjT0ZXB0QbC", 38_339_554, 143_323),
    "incremental_abrupt_balanced": ("1-J5WIBN8_F_tomdcrOaiLCxk9nzxtFsf", 21_421_452, 79_986),
    "incremental_reoccurring_balanced": ("1mSKTSsxzYMjdV005AJqrcMGajuu7dUfW", 21_433_047, 79_986),
    "incremental_balanced": ("1tKQ2KL4m-ACHCVKUDLFPrM4cyhioiOpu", 15_258_997, 57_018),
}


def _moa(filename: str, name: str, n_rows: int) -> Stream:
    path = fetched(_MOA + filename, data_folder() / filename)
    return _of_length(ARFFStream(path, name=name), n_rows)


def _covertype() -> Stream:
    path = fetched(_COVERTYPE, data_folder() / "covtype.data.gz", sha256=_COVERTYPE_SHA256)
    names = [
        "elevation", "aspect", "slope", "horizontal_distance_to_hydrology",
        "vertical_distance_to_hydrology", "horizontal_distance_to_roadways", "hillshade_9am",
        "hillshade_noon", "hillshade_3pm", "horizontal_distance_to_fire_points",
        *(f"wilderness_area_{i}" for i in range(4)), *(f"soil_type_{i}" for i in range(40)),
        "cover_type",
    ]  # fmt: skip
    return _of_length(CSVStream(path, target="cover_type", names=names, name="covertype"), 581_012)


def _insects(variant: str = "abrupt_balanced") -> Stream:
    if variant not in _INSECTS:
        raise one_of("variant", variant, _INSECTS)
    key, size, n_rows = _INSECTS[variant]
    path = fetched(_DRIVE + key, data_folder() / f"insects_{variant}.csv", size=size)
    names = [*(f"f{i}" for i in range(1, 34)), "class"]
    stream = CSVStream(path, target="class", names=names, name=f"insects_{variant}")
    return _of_length(stream, n_rows)


def _of_length(stream: Stream, n_rows: int) -> Stream:
    stream.n_rows = n_rows
    return stream


REMOTE: dict[str, Known] = {
    "electricity": Known(
        partial(_moa, "elecNormNew.arff.zip", "electricity", 45_312), "remote", "classification",
        45_312, 8, "Whether the electricity price in New South Wales goes up (normalized ELEC2)",
    ),
    "airlines": Known(
        partial(_moa, "airlines.arff.zip", "airlines", 539_383), "remote", "classification",
        539_383, 7, "Whether a scheduled flight is late; airports and airlines are nominal",
    ),
    "covertype": Known(
        _covertype, "remote", "classification",
        581_012, 54, "Forest cover types from maps; 7 classes",
    ),
    "insects": Known(
        _insects, "remote", "classification",
        52_848, 33, "Flying insects by optical sensor, under changing temperature; `variant`",
    ),
}  # fmt: skip
