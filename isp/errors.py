"""Every refusal is one of these: one line that says what was wrong, where, and what is allowed.

The exit code of the command is a property of the kind of error, so a Python caller and a shell script
see the same distinction.
"""

from __future__ import annotations


class IspError(Exception):
    """Base of all refusals. `exit_code` is what the command returns; 1 is reserved for internal errors."""

    exit_code = 1


class UsageError(IspError):
    """The command line or a call is wrong (unknown option value, impossible combination)."""

    exit_code = 2


class ProfileError(IspError):
    """A profile, look-up table or stage plug-in is wrong. Messages start with `FILE:LINE:` when there is a file."""

    exit_code = 3


class InputError(IspError):
    """An input file is missing, damaged, undecodable or not what the profile's stages can take."""

    exit_code = 4


class LimitError(IspError):
    """An input asks for more than a limit allows. The message names the limit to raise."""

    exit_code = 5


class OutputError(IspError):
    """An output cannot be written. What was there before is untouched."""

    exit_code = 6


class NumericError(IspError):
    """A value is not finite, or a search did not converge."""

    exit_code = 7
