"""What was found in a recording that a voice was made from, as a client is told it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

_TOLD_SILENCE_S = 0.5
_QUIET_DBFS, _LOUD_DBFS, _CLEAR_DB = -40.0, -8.0, 20.0
_STEADY_DB = 3.0  # speech has pauses and soft sounds, and varies by 15 dB and more
_WIDE_BAND_HZ = 16_000
_CLIPPED_SHARE = 0.005
_DECIMALS = {
    "speech_s": 2,
    "silence_cut_s": 2,
    "level_dbfs": 1,
    "noise_dbfs": 1,
    "clipped_share": 4,
    "offset": 4,
    "phones_per_s": 2,
    "similarity": 3,
}


@dataclass(frozen=True)
class ReferenceReport:
    """A recording in figures.

    Attributes:
        speech_s: seconds that the voice is made from.
        silence_cut_s: seconds of silence and room noise that were taken out.
        level_dbfs: of the speech, RMS.
        noise_dbfs: of what is not speech; None where hardly anything is.
        clipped_share: of samples, in runs at full scale.
        offset: constant that was taken off, of full scale.
        sample_rate_hz: of the file.
        phones_per_s: of the transcript, against the speech; None without one.
        prompt_text_used: whether the transcript is; it is not where it cannot be what is said.
        warnings: a sentence for each thing that may harm the voice.
        similarity: mean cosine with the other clips of the voice, -1 to 1; None where it has no other.
        similarity_by: what is compared: "speaker embedding", or "global condition" where the version has none.
        others: reports of the other clips, in order.
    """

    speech_s: float
    silence_cut_s: float
    level_dbfs: float
    noise_dbfs: float | None
    clipped_share: float
    offset: float
    sample_rate_hz: int
    phones_per_s: float | None = None
    prompt_text_used: bool = False
    warnings: tuple[str, ...] = field(default=())
    similarity: float | None = None
    similarity_by: str = ""
    others: tuple[ReferenceReport, ...] = ()

    def noticed(self, *more: str) -> ReferenceReport:
        """The same with further warnings."""
        return replace(self, warnings=(*self.warnings, *more))

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON, its numbers rounded to what can be heard; without `others` where there are none."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if not self.others:
            del values["others"], values["similarity_by"]
        if self.similarity is None:
            del values["similarity"]
        rounded = {
            name: round(value, _DECIMALS[name]) if name in _DECIMALS and value is not None else value
            for name, value in values.items()
        }
        if self.others:
            rounded["others"] = [other.to_json() for other in self.others]
        return {**rounded, "warnings": list(self.warnings)}


def warnings_of(report: ReferenceReport, has_rumble: bool, varies_db: float) -> tuple[str, ...]:
    """What may harm a voice, by the figures: a sentence each."""
    steady = (
        f"its level varies by only {varies_db:.1f} dB, as that of noise or a tone does; nobody may be speaking in it"
        if varies_db < _STEADY_DB
        else ""
    )
    return tuple(filter(None, (*_of_what_was_taken(report, has_rumble), steady, *_of_what_is_left(report))))


def _of_what_was_taken(report: ReferenceReport, has_rumble: bool) -> tuple[str, ...]:
    whole_s = report.speech_s + report.silence_cut_s
    return (
        f"{report.silence_cut_s:.1f} of {whole_s:.1f} s of the recording are silence or room noise, and were cut"
        if report.silence_cut_s > _TOLD_SILENCE_S
        else "",
        f"the recording has a constant offset of {report.offset:+.1%} of full scale, which was taken off; "
        "the sound card adds it"
        if report.offset
        else "",
        "the recording rumbles below 20 Hz, which was taken off" if has_rumble else "",
    )


def _of_what_is_left(report: ReferenceReport) -> tuple[str, ...]:
    above_noise_db = None if report.noise_dbfs is None else report.level_dbfs - report.noise_dbfs
    return (
        f"the speech is at {report.level_dbfs:.0f} dBFS, which is quiet; record it nearer to -20 dBFS"
        if report.level_dbfs < _QUIET_DBFS
        else "",
        f"the noise is only {above_noise_db:.0f} dB below the speech; record in a quieter room"
        if above_noise_db is not None and above_noise_db < _CLEAR_DB
        else "",
        f"{report.clipped_share:.1%} of the samples are clipped at full scale; record it lower"
        if report.clipped_share > _CLIPPED_SHARE
        else f"the speech is at {report.level_dbfs:.0f} dBFS, so loud that it was clipped before this file was made; "
        "record it lower"
        if report.level_dbfs > _LOUD_DBFS
        else "",
        f"the recording has {report.sample_rate_hz:,} samples a second, which sounds dull; "
        f"record at {_WIDE_BAND_HZ:,} Hz or more"
        if report.sample_rate_hz < _WIDE_BAND_HZ
        else "",
    )
