"""The console that people read, whose reader may go away."""

from __future__ import annotations

import errno
import os

from rich.console import Console


class Patient(Console):
    """Shows nothing more when its reader has gone, as `head` does, `tee` at Ctrl-C, or a terminal; the work goes on.

    Rich would end the program there, and with it a search whose best networks are not yet saved.
    """

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except OSError as error:
            # What a terminal says that is gone.
            if error.errno != errno.EIO:
                raise
            raise BrokenPipeError from error

    def on_broken_pipe(self) -> None:
        """What rich calls when it has written to nobody."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)
