"""Runs a plan against a server, through Locust, and hands back what its listeners noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import numpy as np
from locust.html import get_html_report
from locust.stats import stats_history
from tqdm import tqdm

import gsv_loadtest.on_gevent  # noqa: F401 - before whatever opens a connection
from gsv_client import Client
from gsv_loadtest.listener import Listener
from gsv_loadtest.load import Load, Plan, Result
from gsv_loadtest.server_watch import ServerWatch
from gsv_loadtest.user import ArrivingUser, ListeningUser, LoadEnvironment, UsersOverTime
from gsv_loadtest.utterances import Utterance, every_utterance


@dataclass(frozen=True)
class Target:
    """The server.

    Attributes:
        urls: One for each protocol to speak.
        voices: Registered voices that may be asked for.
        state: Directory of its server.json, to watch its processes.
        timeout_s: Longest silence that a listener bears.
    """

    urls: Sequence[str]
    voices: Sequence[str]
    state: Path
    timeout_s: float = 60.0


@contextmanager
def listeners_of(target: Target) -> Iterator[list[Listener]]:
    """A listener for each protocol; their connections are closed at the end, or gRPC would keep the process alive."""
    listeners = [Listener(Client(url, target.timeout_s), url.partition(":")[0], 0.0) for url in target.urls]
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.client.close()


def run(plan: Plan, target: Target, identity: bool = False) -> Result:
    """Carry out `plan`.

    Args:
        plan: What to do.
        target: To whom.
        identity: Speak a few utterances alone first, ask for no others under load, and compare.
    """
    voices = target.voices[: plan.scenario.voices or None]
    utterances = every_utterance(list(plan.scenario.kinds), voices)
    with listeners_of(target) as listeners:
        if identity:
            utterances = _few(utterances)
            speak_alone(listeners, utterances)
        load = Load(plan, listeners, utterances)
        watch = ServerWatch.find(target.state, target.urls)
        page = _through_locust(load, watch)
    return Result(plan, load.counted(), watch.samples if watch else [], os.getloadavg()[0], page)


def _few(utterances: Sequence[Utterance], most: int = 8) -> list[Utterance]:
    """Some utterances of each kind, voices mixed."""
    chosen = []
    for kind in dict.fromkeys(utterance.kind for utterance in utterances):
        same_kind = [utterance for utterance in utterances if utterance.kind == kind]
        step = max(1, len(same_kind) // most) | 1  # odd, so that it does not keep to one voice of four
        chosen += same_kind[::step][:most]
    return chosen


def speak_alone(listeners: Sequence[Listener], utterances: Sequence[Utterance]) -> None:
    """Speak each utterance with nothing else running and keep the audio; each protocol has its own sample format."""
    for listener in listeners:
        alone: dict[Utterance, np.ndarray[Any, Any]] = {}
        for utterance in tqdm(utterances, f"alone over {listener.protocol}", leave=False):
            audio = listener.client.synthesize(utterance.text, **utterance.options)
            alone[utterance] = audio.samples
        listener.alone = alone


def _through_locust(load: Load, watch: ServerWatch | None) -> str:
    """Run the load with Locust's local runner; return its report page."""
    plan = load.plan
    open_loop = plan.rate_per_s is not None
    user = type("Arriving", (ArrivingUser,), {}) if open_loop else type("Listening", (ListeningUser,), {})
    environment = LoadEnvironment(load, user_classes=[user], stop_timeout=plan.patience_s)
    runner = environment.create_local_runner()
    helpers = [gevent.spawn(stats_history, runner), gevent.spawn(show_progress, load)]
    helpers += [gevent.spawn(watch.run, load.began_s)] if watch else []
    try:
        if open_loop:
            runner.start(1, spawn_rate=1)
        else:
            environment.shape_class = UsersOverTime(load)
            environment.shape_class.runner = runner
            runner.start_shape()
            gevent.sleep(plan.duration_s)
            runner.quit()
        runner.greenlet.join()
    finally:
        gevent.killall(helpers)
    return str(get_html_report(environment))


def show_progress(load: Load) -> None:
    """A bar over time on stderr, with what has happened so far; runs until it is killed."""
    with tqdm(total=round(load.plan.duration_s), unit="s", bar_format="{n:4d}/{total} s |{bar:20}|{postfix}") as bar:
        while True:
            ttfas = sorted(o.ttfa_s for o in load.outcomes if o.ttfa_s == o.ttfa_s)
            p95 = f"{1000 * ttfas[int(0.95 * (len(ttfas) - 1))]:.0f} ms" if ttfas else "-"
            longest_s = max((wait for o in load.outcomes for wait in o.underruns_s), default=0.0)
            counts = " ".join(f"{count} {kind}" for kind, count in sorted(load.tally().items()))
            bar.set_postfix_str(
                f"{load.running} listening, {counts}, TTFA p95 {p95}, longest underrun {longest_s:.2f} s"
            )
            bar.update(min(round(load.now_s), bar.total) - bar.n)
            gevent.sleep(1.0)
