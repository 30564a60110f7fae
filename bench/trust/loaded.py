"""Everything that `run`, `batch` and `update` import, and the kernel: a fork of who imports this has it in memory."""

import simengine.cli.batch
import simengine.cli.require
import simengine.cli.run
import simengine.cli.update
import simengine.decide.batch
import simengine.decide.grid
import simengine.explain
import simengine.learn.written
import simengine.report.compare
import simengine.report.drivers
import simengine.report.facts
import simengine.report.summary
import simengine.report.update  # noqa: F401
from simengine.simulation import ready

ready()
