"""What a page is about, and how it speaks of it: membranes here, vesicles in `vesicles.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from membraneseg.report.words import Rows, membranes_in_short

Column = tuple[str, str, int | str | None]
"""Name, unit, decimals shown (None: as it is; "%": as a percentage)."""


@dataclass(frozen=True)
class Shade:
    """A value per vertex that the 3-D view can colour by.

    Parameters
    ----------
    title, unit : str
    about_zero : bool
        Whether its sign matters: the range is then symmetric and the palette diverges.
    from_zero : bool
        Whether the range begins at zero, otherwise near the smallest value.
    """

    title: str
    unit: str
    about_zero: bool = False
    from_zero: bool = True


@dataclass(frozen=True)
class Panel:
    """One histogram.

    Parameters
    ----------
    key, title : str
        Column of the table; what stands below the axis.
    limits : (low, high), optional
        Of the axis; by default from zero to the largest value.
    margin : float, optional
        The axis runs so far beyond the values on both sides, for values that are all alike.
    """

    key: str
    title: str
    limits: tuple[float, float] | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Subject:
    """What the page shows, and in which words.

    Parameters
    ----------
    one, many : str
        Nouns.
    columns : mapping of key to Column
        Of the table; others are shown as they are.
    brief : tuple of str
        Columns that the 3-D view tells of the one that is chosen.
    size : str
        Column whose number stands beside each name in the list of the 3-D view.
    panels : tuple of Panel
    shades : mapping of name to Shade
    probability : str
        Of what the probability is.
    in_short : callable
        From the rows to the HTML at the top of the page.
    elsewhere : (title, HTML)
        How other programs open the result.
    """

    one: str
    many: str
    columns: Mapping[str, Column]
    brief: tuple[str, ...]
    size: str
    panels: tuple[Panel, ...]
    shades: Mapping[str, Shade]
    probability: str
    in_short: Callable[[Rows], str]
    elsewhere: tuple[str, str]


_CHIMERAX = """<p>In ChimeraX choose File → Open and take <b>open.cxc</b> in the folder of this
report, or type</p><pre>chimerax open.cxc</pre><p>It shows the tomogram and, on top of it, every
membrane under its name and in the colour it has on this page; pale where it was inferred. The
script ends with commands to copy: colours by what was seen and by uncertainty, areas, volumes, a
picture. <b>membraneseg export</b> hands the result to other programs. The mesh files alone
(membranes.glb, or one by one in the folder meshes) open in ChimeraX, Blender and others; their
coordinates are x, y, z in Å in the space of the tomogram.</p>"""

PLACE: dict[str, Column] = {"x_A": ("x", "Å", 0), "y_A": ("y", "Å", 0), "z_A": ("z", "Å", 0)}

MEMBRANES = Subject(
    one="membrane",
    many="membranes",
    columns={
        "id": ("No.", "", None),
        "closed": ("Closed", "", None),
        "area_nm2": ("Area", "nm²", 0),
        "volume_nm3": ("Volume", "nm³", 0),
        "equivalent_radius_nm": ("Equivalent radius", "nm", 1),
        "mean_curvature_per_nm": ("Mean curvature", "1/nm", 4),
        "gaussian_curvature_per_nm2": ("Gaussian curvature", "1/nm²", 5),
        "observed_fraction": ("Seen", "of area", "%"),
        "median_sigma_A": ("Median uncertainty", "Å", 1),
        "thickness_nm": ("Thickness", "nm", 2),
        "nearest_distance_nm": ("Nearest membrane", "nm away", 1),
        "nearest_id": ("Nearest membrane", "No.", None),
        **PLACE,
        "warnings": ("Remarks", "", None),
    },
    brief=(
        "closed",
        "area_nm2",
        "volume_nm3",
        "equivalent_radius_nm",
        "mean_curvature_per_nm",
        "thickness_nm",
        "observed_fraction",
        "median_sigma_A",
        "nearest_distance_nm",
        "warnings",
    ),
    size="area_nm2",
    panels=(
        Panel("area_nm2", "Area (nm²)"),
        Panel("equivalent_radius_nm", "Equivalent radius (nm)"),
        Panel("mean_curvature_per_nm", "Mean curvature (1/nm)"),
        Panel("thickness_nm", "Bilayer thickness (nm)", margin=0.5),
        Panel("observed_fraction", "Share of the area seen", limits=(0.0, 1.0)),
    ),
    shades={
        "sigma_A": Shade("Uncertainty", "Å"),
        "mean_curvature_per_nm": Shade("Mean curvature", "1/nm", about_zero=True),
        "thickness_nm": Shade("Thickness of the bilayer", "nm", from_zero=False),
        "nearest_distance_nm": Shade("Distance to the nearest membrane", "nm"),
    },
    probability="Membrane probability",
    in_short=membranes_in_short,
    elsewhere=("ChimeraX", _CHIMERAX),
)
