"""The second door: chosen limbs of one person drawn again, everything else to the bit as it was."""

from ..core.motion import Shot
from ..jobs import Report
from .limb_session import open_session
from .resample_settings import ResampleSettings, check_settings
from .variations import commit
from .weights import Networks


def resample(shot: Shot, networks: Networks, settings: ResampleSettings, report: Report) -> Shot:
    """Draw limbs again from their seed.

    The panel keeps the session open and draws from it as often as a slider moves; the results
    are the same to the bit.

    Returns:
        The shot with other limbs in the listed frames. The anchor, all other limbs and all other
        frames are the same to the bit.

    Raises:
        FhmrError: A setting cannot be met, or a model or body is missing.
        Cancelled: By `report`.
    """
    check_settings(settings)
    drawn = open_session(shot, networks, settings).draw(settings, report)
    return commit(shot, drawn, settings.shown or 0)
