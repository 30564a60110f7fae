"""The records that the kernel works on."""

import numpy as np
import pytest

from simengine.kernel import records
from simengine.kernel.tables import CellOut, GroupOut, PoolOut, SegmentOut

RECORDS = {
    **{name: value for name, value in vars(records).items() if isinstance(value, np.dtype)},
    **{table.__name__: records.outputs(table) for table in (SegmentOut, GroupOut, CellOut, PoolOut)},
}


@pytest.mark.parametrize("name", RECORDS)
def test_plain_python_reads_every_field_as_compiled_code_does(name):
    # an attribute that numpy's own scalars have would hide a field of that name
    hidden = [field for field in RECORDS[name].names if hasattr(np.generic, field)]
    assert not hidden
    assert hasattr(np.generic, "shape")  # such as this one
