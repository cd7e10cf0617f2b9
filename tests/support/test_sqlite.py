"""Another program's connection is refused where it would break the gateway's in the same process."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.support.sqlite import foreign


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list a process's files in /proc")
def test_file_that_the_gateway_has_open_in_this_process_is_not_opened_by_another_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "shared.db"
    with foreign(file) as program:
        program.execute("CREATE TABLE things (id INTEGER)")
    ours = apsw.Connection(str(file))
    ours.execute("SELECT * FROM things").fetchall()
    with pytest.raises(RuntimeError, match=r"this process has shared\.db open"), foreign(file):
        pass
    ours.close()
    with foreign(file) as program:
        assert program.execute("SELECT count(*) FROM things").fetchone() == (0,)
