"""How the page speaks of vesicles."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from membraneseg.report.subjects import PLACE, Panel, Shade, Subject
from membraneseg.report.words import Rows, cards, number_in

_ELSEWHERE = """<p>In ChimeraX choose File → Open and take <b>open.cxc</b> in the folder of this
report, or type</p><pre>chimerax open.cxc</pre><p>It shows the tomogram and a sphere through the
middle of the membrane of every vesicle. <b>vesicles.mod</b> opens on the tomogram in IMOD's 3dmod,
<b>vesicles.star</b> holds the centres for RELION, and the folder <b>pyto</b> what Pyto reads.</p>
<p>Something wrong? Correct it with the mouse or by numbers, and this page is written anew:</p>
<pre>membraneseg view RESULT --edit
membraneseg vesicles TOMO -o RESULT --remove 3 --add 1200,830.5,410</pre>"""


def vesicles_in_short(rows: Rows) -> str:
    """Four numbers in large type and a sentence; without any vesicle what to do.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        With `radius_nm`, to the middle of the membrane, and `thickness_nm`.

    Returns
    -------
    str
        HTML.
    """
    if not rows:
        return (
            "<p>No vesicles were found in this tomogram. If you can see some, compare the "
            "probability below with the tomogram: where it is empty, check the voxel size and "
            "the contrast; where it shows them, add them by hand.</p>"
        )
    radii = np.array([number_in(row, "radius_nm") for row in rows])
    thick = [v for v in (number_in(row, "thickness_nm") for row in rows) if math.isfinite(v)]
    shown = [
        (str(len(rows)), "vesicle" if len(rows) == 1 else "vesicles"),
        (f"{np.median(radii):.1f} nm", "median radius"),
        (f"{np.std(radii):.1f} nm", "standard deviation of the radius"),
        (f"{np.median(thick):.1f} nm" if thick else "–", "median membrane thickness"),
    ]
    text = (
        f"Radii run to the middle of the membrane, from {radii.min():.1f} to {radii.max():.1f} nm "
        "here; the outer radius is half a thickness more. Pale parts of the spheres are what the "
        "limited tilt range hides."
    )
    return f"{cards(shown)}<p>{escape(text)}</p>"


VESICLES = Subject(
    one="vesicle",
    many="vesicles",
    columns={
        "id": ("No.", "", None),
        "radius_nm": ("Radius", "nm", 2),
        "outer_radius_nm": ("Outer radius", "nm", 2),
        "thickness_nm": ("Thickness", "nm", 2),
        "membrane_intensity": ("Membrane intensity", "", 3),
        "p_value": ("p value", "unlike the others if small", 3),
        "refined": ("Measured again", "as an outlier", None),
        **PLACE,
    },
    brief=("radius_nm", "outer_radius_nm", "thickness_nm", "membrane_intensity", "p_value"),
    size="radius_nm",
    panels=(
        Panel("radius_nm", "Radius (nm)", margin=1.0),
        Panel("thickness_nm", "Membrane thickness (nm)", margin=0.5),
        Panel("membrane_intensity", "Membrane intensity"),
        Panel("p_value", "p value", limits=(0.0, 1.0)),
    ),
    shades={
        "radius_nm": Shade("Radius", "nm", from_zero=False),
        "thickness_nm": Shade("Thickness of the membrane", "nm", from_zero=False),
        "p_value": Shade("p value: small where unlike the others", ""),
    },
    probability="Vesicle probability",
    in_short=vesicles_in_short,
    elsewhere=("Other programs", _ELSEWHERE),
)
