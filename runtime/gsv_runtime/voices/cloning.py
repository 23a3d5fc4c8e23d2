"""From a reference recording to a voice: everything derived from it, computed once."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest, StorageFailed
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import bert_features, unflatten
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.prompt_fit import fit_of
from gsv_runtime.voices.references import read_reference
from gsv_runtime.voices.report import ReferenceReport
from gsv_runtime.voices.storage import small_shared_memory
from gsv_runtime.voices.store import Voice, voice_digest
from gsv_runtime.voices.timbre import compared, mean_condition, read_aux_references, timbre_of


def derive_voice(request: ReferenceRequest, stages: Stages, facts: CheckpointFacts) -> Voice:
    """Compute a voice; registration and inline references both come through here.

    Args:
        request: the recording and its transcript, without which only the timbre is used; and more of that timbre.
        stages: runs the front end, BERT and the reference's encoders.
        facts: version of the checkpoint and feature sizes.

    Raises:
        InvalidRequest: the recording or its transcript cannot be used.
    """
    try:
        reference = read_reference(request.audio, request.trim)
        clips = [reference, *read_aux_references(request.aux_audio, request.trim)]
    except InvalidRequest:
        check_arrived(request.audio)
        raise
    timbres = [timbre_of(clip, stages, ModelVersion(facts.version)) for clip in clips]
    phones, features, report = _prompt(request, reference.report, stages, facts)
    tokens = _prompt_tokens(reference.audio_16k, stages) if phones.size else np.zeros(0, dtype=np.int64)
    return Voice(
        digest=voice_digest(request, facts.weights_digest),
        weights_digest=facts.weights_digest,
        prompt_text=request.prompt_text,
        prompt_language=request.prompt_language,
        seconds=round(reference.seconds, 3),
        prompt_tokens=tokens,
        prompt_phones=phones,
        prompt_features=features,
        global_condition=mean_condition(timbres),
        report=compared([report, *(clip.report for clip in clips[1:])], timbres).to_json(),
    )


def check_arrived(audio: bytes) -> None:
    """Tell a recording that cannot be used from one that the server had no room to be handed.

    Raises:
        StorageFailed: shared memory, by which it came here, is full.
    """
    if shared := small_shared_memory(2 * len(audio)):
        raise StorageFailed(f"the recording did not arrive whole: {shared}")


def _prompt(
    request: ReferenceRequest, report: ReferenceReport, stages: Stages, facts: CheckpointFacts
) -> tuple[Array, Array, ReferenceReport]:
    """Phones and features of the transcript, none where it is not what is said; and the report with what was found."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros((facts.bert_dim, 0), dtype=np.float32)
    if not request.prompt_text:
        return *nothing, report
    phones, features = _prompt_features(request, stages, facts)
    fit = fit_of(request.prompt_text, request.prompt_language, phones.size, report.speech_s)
    report = replace(report, phones_per_s=fit.phones_per_s, prompt_text_used=not fit.problem)
    if fit.problem:
        return *nothing, report.noticed(fit.problem)
    return phones, features, report


def _prompt_tokens(audio_16k: Array, stages: Stages) -> Array:
    features = stages.call(contract.HUBERT, audio_16k=audio_16k)["ssl_features"]
    return stages.call(contract.SPEECH_TOKENIZER, ssl_features=features)["prompt_tokens"][0]


def _prompt_features(request: ReferenceRequest, stages: Stages, facts: CheckpointFacts) -> tuple[Array, Array]:
    text, language = request.prompt_text, request.prompt_language
    try:
        answer = stages.call(contract.TEXT_FRONTEND, text=text, language=language, split_method="none")
    except InvalidRequest as error:  # which text it was is known here
        raise InvalidRequest(re.sub(r"^(the )?text\b", "prompt_text", str(error), count=1)) from None
    sentences = unflatten(answer)
    if not sentences:
        raise InvalidRequest("prompt_text has nothing that can be spoken; leave it out or write what is said")
    phones = np.concatenate([sentence.phones for sentence in sentences])
    features = np.concatenate(bert_features(sentences, stages, facts), axis=1)
    return phones, features
