from pathlib import Path

import pytest

from gsv_build.checks.parity import OfficialNetworks, ParityData


@pytest.fixture(scope="session")
def data() -> ParityData:
    """What upstream computed."""
    return ParityData(Path(__file__).parent / "data")


@pytest.fixture(scope="session")
def networks() -> OfficialNetworks:
    """Our networks at official sizes, with the weights that upstream had; each built when first asked for."""
    return OfficialNetworks()
