"""Locust's own page to steer a load by hand: `locust -f loadtest/locustfile.py --host 127.0.0.1:8001`.

`make loadtest` needs no page; it runs the same users and writes a report.
"""

from __future__ import annotations

from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser

from gsv_client import Client
from gsv_loadtest import on_gevent  # noqa: F401 - before whatever opens a connection
from gsv_loadtest.listener import Listener
from gsv_loadtest.load import Load, Plan
from gsv_loadtest.scenarios import SCENARIOS
from gsv_loadtest.user import ListeningUser, report_to_locust
from gsv_loadtest.utterances import every_utterance
from gsv_loadtest.voices import registered_voices


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    """Say which scenario; its users then do as it says, their number and time are the page's."""
    parser.add_argument("--scenario", choices=list(SCENARIOS), default="mixed")


@events.test_start.add_listener
def begin(environment: Any) -> None:
    """Make the load that the users share."""
    url = environment.host if "://" in environment.host else f"grpc://{environment.host}"
    client = Client(url)
    scenario = SCENARIOS[environment.parsed_options.scenario]
    voices = registered_voices(client)[: scenario.voices or None]
    utterances = every_utterance(list(scenario.kinds), voices)
    plan = Plan(scenario, users=1, rate_per_s=None, duration_s=float("inf"), warm_up_s=0.0)
    environment.load = Load(plan, [Listener(client, url.partition(":")[0], 0.0)], utterances)
    environment.load.heard = lambda outcome: report_to_locust(environment, outcome)


@events.test_stop.add_listener
def end(environment: Any, **_: Any) -> None:
    """Close the connection: gRPC would keep Locust from exiting."""
    for listener in environment.load.listeners:
        listener.client.close()


class Listening(ListeningUser):
    """One listener."""
