"""An executor that shows whether what is sent to it can travel."""

from __future__ import annotations

import pickle
from concurrent.futures import Executor, Future


class Travelling(Executor):
    """What processes of any start method do with a task and its result, in this process."""

    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, fn, /, *args, **kwargs):
        self.tasks += 1
        future = Future()
        job, args, kwargs = pickle.loads(pickle.dumps((fn, args, kwargs)))
        try:
            future.set_result(pickle.loads(pickle.dumps(job(*args, **kwargs))))
        except Exception as error:
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future
