"""Somebody who looks at a cockpit: what is moved, what was moved before, and the thread that follows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from simengine.cockpit.live import PLAN, STAGES, Answer, Cockpit, Setting
from simengine.errors import SimengineError
from simengine.simulation.followed import Stopped

_RECENT = 4
"""Settings of before that may stand behind the next answer."""
_REST = 0.03
"""Seconds that a slider which is being dragged must stay before its place is simulated."""
_DEEP = 100
"""Steps that can be undone."""


class Session:
    """One client: a setting that moves, with undo, held against another one.

    All that changes it is called from one thread. Answers come from a thread of its own, the first as soon as it can be
    had, the next when there are more paths; a move ends what is under way.

    Parameters
    ----------
    cockpit : shared with others
    show : called with every answer
    fail : called with the words where paths cannot be simulated

    Attributes
    ----------
    setting : as it is moved
    held : what it is held against; at first the plan as it stands
    target : name of the target that is looked at
    """

    def __init__(
        self, cockpit: Cockpit, show: Callable[[Answer], None], fail: Callable[[str], None] = lambda words: None
    ) -> None:
        self.cockpit, self._show, self._fail = cockpit, show, fail
        self.setting = self.held = PLAN
        self.target = cockpit.plan.targets[0].name
        self._undo: list[Setting] = []
        self._redo: list[Setting] = []
        self._recent: list[Setting] = []
        self._wanted: tuple[Setting, str, Setting, float, bool] | None = None
        self._number, self._is_open = 0, True
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="cockpit session", daemon=True)
        self._thread.start()

    # --- Moves ---

    def move(self, field: str, name: str, value: Any) -> None:
        """Move one thing of the setting, `amounts`, `beliefs` or `bounds`, or put it back with None.

        Raises SimengineError, and changes nothing, where the plan's checks refuse it.
        """
        self.go(self.setting.with_(field, name, value))

    def go(self, setting: Setting) -> None:
        """Take a setting; raises SimengineError, and changes nothing, where the plan's checks refuse it."""
        if setting == self.setting:
            self.follow()
            return
        self.cockpit.check(setting)
        self._undo = [*self._undo, self.setting][-_DEEP:]
        self._redo = []
        self._settle(setting)

    def drag(self, field: str, name: str, value: Any) -> None:
        """Look ahead at where a slider is being dragged to; nothing is changed yet."""
        self._ask(self.setting.with_(field, name, value), is_drag=True)

    def undo(self) -> None:
        """Go back one move, if there is one."""
        if self._undo:
            self._redo.append(self.setting)
            self._settle(self._undo.pop())

    def redo(self) -> None:
        """Take back what was undone last, if anything was."""
        if self._redo:
            self._undo.append(self.setting)
            self._settle(self._redo.pop())

    def reset(self) -> None:
        """Go to the plan as it stands; this can be undone."""
        self.go(PLAN)

    def hold(self, setting: Setting) -> None:
        """Hold what is moved from now on against a setting."""
        self.held = setting
        self.follow()

    def look_at(self, target: str) -> None:
        """Look at another target."""
        self.target = target
        self.follow()

    @property
    def can_undo(self) -> bool:
        """Whether there is a move to go back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a move that was undone."""
        return bool(self._redo)

    def _settle(self, setting: Setting) -> None:
        self._recent = [self.setting, *(each for each in self._recent if each != self.setting)][:_RECENT]
        self.setting = setting
        self.follow()

    # --- Answers ---

    def follow(self) -> None:
        """Answer anew for the setting as it is."""
        self._ask(self.setting, is_drag=False)

    def close(self) -> None:
        """End the thread, at the next block of paths."""
        with self._wake:
            self._is_open, self._number = False, self._number + 1
            self._wake.notify()

    def _ask(self, setting: Setting, *, is_drag: bool) -> None:
        with self._wake:
            self._wanted = setting, self.target, self.held, time.perf_counter(), is_drag
            self._number += 1
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._wanted is not None or not self._is_open)
                asked, self._wanted = self._wanted, None
                if not self._is_open or asked is None:
                    return
                stopped = self._overtaken(self._number)
            try:
                self._answer(*asked, stopped=stopped)
            except Stopped:
                continue
            except SimengineError as error:
                if not asked[-1]:
                    self._fail(str(error))
            except Exception:
                if self.cockpit.is_closed:  # the threads that simulate are gone
                    return
                logging.getLogger(__name__).exception("an answer failed")
                self._fail("simengine failed at this; what it wrote in the terminal helps to mend it. Undo goes on.")

    def _overtaken(self, number: int) -> Callable[[], bool]:
        """Whether something was asked after the request of this number."""
        return lambda: self._number != number

    def _answer(
        self, setting: Setting, target: str, held: Setting, since: float, is_drag: bool, stopped: Callable[[], bool]
    ) -> None:
        cockpit = self.cockpit
        if is_drag:
            with self._wake:
                if self._wake.wait_for(stopped, timeout=_REST):
                    return
            cockpit.check(setting)
        recent = tuple(self._recent)

        def tell() -> None:
            if not stopped():
                self._show(cockpit.answer(setting, target, held, recent, since))

        before = cockpit.grow(setting, cockpit.preview, stopped=stopped)
        cockpit.grow(held, cockpit.preview, stopped=stopped)
        tell()
        if is_drag:
            return
        told = len(before.values), len(cockpit.paths(held).seen().values)
        for stage in (*STAGES, cockpit.draws):
            if stage <= min(*told) or stage > cockpit.draws:
                continue
            now = [len(cockpit.grow(each, stage, stopped=stopped, is_urgent=False).values) for each in (setting, held)]
            if (now[0], now[1]) != told:
                told = now[0], now[1]
                tell()
            if stage == STAGES[1]:
                threading.Thread(target=cockpit.foresee, args=(setting, stopped), daemon=True).start()
