"""Characters that nobody sees, or that move what stands around them: refused in a plan, made visible on a terminal."""

from __future__ import annotations

import re

INVISIBLE = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
"""Control characters except line ends, and those that are invisible or turn the order of others round."""
_LINE_FEED_BEHIND = re.compile("\r(?!\n)")


def legible(text: str) -> str:
    r"""`text` with every such character as an escape that can be seen; a tab stays.

    >>> legible("a\x1b[2Jb\u202ec\n")
    'a\\x1b[2Jb\\u202ec\n'
    """
    return _LINE_FEED_BEHIND.sub(r"\\r", INVISIBLE.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    return "\t" if match[0] == "\t" else match[0].encode("unicode_escape").decode("ascii")
