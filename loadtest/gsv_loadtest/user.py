"""Locust's users: in a closed loop each listens, pauses, asks again; in an open one a single user lets all arrive."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.pool import Group
from locust import LoadTestShape, User, task
from locust.env import Environment

from gsv_client.errors import SynthesisError
from gsv_loadtest.load import Load
from gsv_loadtest.outcome import BUSY, Outcome
from gsv_loadtest.shapes import poisson_arrivals

_LONGEST_RETRY_S = 5.0


class LoadEnvironment(Environment):
    """Locust's environment, with the load that its users share."""

    def __init__(self, load: Load, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.load = load
        self.host = load.listeners[0].client.url
        load.heard = lambda outcome: report_to_locust(self, outcome)


class ListeningUser(User):
    """Closed loop: the next request waits for the last, so that a slow server is asked less."""

    abstract = True
    environment: LoadEnvironment

    def wait_time(self) -> float:
        """Pause between two tasks."""
        return self.environment.load.think_s()

    @task
    def listen(self) -> None:
        """Hear one utterance; one refused waits a little before the next try."""
        outcome = self.environment.load.listen()
        if outcome.kind == BUSY:
            gevent.sleep(min(1.0 + self.environment.load.think_s(), _LONGEST_RETRY_S))


class ArrivingUser(User):
    """Open loop: requests are sent when they are due, whatever became of those before.

    A late server is asked as often as a fast one, and each wait is counted from when the request was due: no
    coordinated omission.
    """

    abstract = True
    environment: LoadEnvironment
    fixed_count = 1

    @task
    def arrive(self) -> None:
        """Let every listener of the load arrive, and wait for the last to leave."""
        load = self.environment.load
        group = Group()
        plan = load.plan
        for due_s in poisson_arrivals(plan.rate_per_s or 1.0, plan.duration_s, plan.seed, plan.scenario.crowd):
            gevent.sleep(max(0.0, due_s - load.now_s))
            group.spawn(load.listen, due_s)
        group.join(timeout=plan.patience_s)
        if self.environment.runner is not None:
            self.environment.runner.quit()


class UsersOverTime(LoadTestShape):
    """Closed loop: as many users as the scenario says, until the time is over."""

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load = load

    def tick(self) -> tuple[int, float] | None:
        """Users and how many may come or go a second; None ends the load."""
        plan, at_s = self._load.plan, self._load.now_s
        if at_s >= plan.duration_s:
            return None
        users = plan.scenario.users_at(plan.users, at_s, plan.duration_s)
        return users, float(max(users, 1))


def report_to_locust(environment: Environment, outcome: Outcome) -> None:
    """Enter an outcome into Locust's statistics: time to first audio, and to the last."""
    failure = SynthesisError(outcome.message or ", ".join(outcome.problems) or outcome.kind)
    exception = failure if outcome.failed or outcome.kind == BUSY else None
    entry: dict[str, Any] = {"request_type": outcome.protocol, "response_length": 0, "context": {}}
    ttfa_ms = 1000 * (outcome.elapsed_s if outcome.ttfa_s != outcome.ttfa_s else outcome.ttfa_s)
    fire = environment.events.request.fire
    fire(name=f"{outcome.text_kind}: first audio", response_time=ttfa_ms, exception=exception, **entry)
    if exception is None:
        name = f"{outcome.text_kind}: last audio"
        fire(name=name, response_time=1000 * outcome.elapsed_s, exception=None, **entry)
