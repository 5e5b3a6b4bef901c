"""Tables: the columns are a contract, unknown numbers are empty, rows come back as written."""

import csv
import dataclasses
import math

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.rows import MembraneRow, VesicleRow
from membraneseg.io.tables import (
    MEMBRANE_COLUMNS,
    VESICLE_COLUMNS,
    read_membranes_csv,
    read_vesicles_csv,
    write_membranes_csv,
    write_vesicles_csv,
)

TABLES = [
    (write_membranes_csv, read_membranes_csv, MEMBRANE_COLUMNS, MembraneRow),
    (write_vesicles_csv, read_vesicles_csv, VESICLE_COLUMNS, VesicleRow),
]


def test_the_columns_are_those_of_the_contract():
    assert ",".join(MEMBRANE_COLUMNS) == (
        "id,closed,area_nm2,volume_nm3,equivalent_radius_nm,mean_curvature_per_nm,"
        "gaussian_curvature_per_nm2,observed_fraction,median_sigma_A,thickness_nm,"
        "nearest_distance_nm,nearest_id,x_A,y_A,z_A,warnings"
    )
    assert ",".join(VESICLE_COLUMNS) == (
        "id,x_A,y_A,z_A,radius_A,outer_radius_A,thickness_A,membrane_intensity,p_value,refined"
    )


@pytest.mark.parametrize(("write", "read", "columns", "kind"), TABLES)
def test_an_empty_table_is_its_header_line(tmp_path, write, read, columns, kind):
    assert tuple(field.name for field in dataclasses.fields(kind)) == columns
    write(tmp_path / "t.csv", [])
    assert (tmp_path / "t.csv").read_text() == ",".join(columns) + "\n"
    assert read(tmp_path / "t.csv") == []


def test_rows_come_back_as_they_were(tmp_path):
    rows = [
        MembraneRow(1, True, 12345.5, 67890.25, 25.3, 0.04, -1.6e-3, 0.71, 4.2, 3.9, 8.5, 2, 1.0),
        MembraneRow(2, False, warnings='open; leaves the volume, see "report"\nand more'),
    ]
    write_membranes_csv(tmp_path / "m.csv", rows)
    assert read_membranes_csv(tmp_path / "m.csv") == rows
    vesicles = [VesicleRow(7, 1.5, -2.5, 3.5, 200.0, 220.0, 40.0, -1.25, 0.03, True)]
    write_vesicles_csv(tmp_path / "v.csv", vesicles)
    assert read_vesicles_csv(tmp_path / "v.csv") == vesicles


def test_unknown_numbers_are_empty_fields_and_numpy_numbers_are_plain(tmp_path):
    row = MembraneRow(
        np.int64(3), np.bool_(True), np.float64(2.5), float("nan"), np.float32(np.inf), x_A=0.0
    )
    write_membranes_csv(tmp_path / "m.csv", [row])
    with (tmp_path / "m.csv").open(newline="") as table:
        (found,) = csv.DictReader(table)
    filled = {name: text for name, text in found.items() if text}
    assert filled == {"id": "3", "closed": "true", "area_nm2": "2.5", "x_A": "0"}


def test_a_coordinate_of_ten_micrometres_keeps_a_thousandth_of_an_angstrom(tmp_path):
    write_vesicles_csv(tmp_path / "v.csv", [VesicleRow(1, 98765.4321, -98765.4321, math.pi, 1.0)])
    (row,) = read_vesicles_csv(tmp_path / "v.csv")
    assert row.x_A == pytest.approx(98765.4321, abs=1e-3)
    assert row.y_A == -row.x_A


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id,closed\n1,true\n",
        ",".join(MEMBRANE_COLUMNS) + "\n1,2\n",
        ",".join(MEMBRANE_COLUMNS) + "\n1,true\n",
    ],
)
def test_a_table_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(MembraneSegError, match="cannot be read as a table"):
        read_membranes_csv(tmp_path / "m.csv")


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(MembraneSegError, match=r"none\.csv cannot be read"):
        read_vesicles_csv(tmp_path / "none.csv")
