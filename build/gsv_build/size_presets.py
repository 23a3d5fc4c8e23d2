"""Sizes of all networks of one version at once: the official ones, and small ones for demos and tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gsv_build.sizes import BertSizes, HubertSizes, SovitsSizes, SpeakerEncoderSizes, T2SSizes
from gsv_runtime.versions import ModelVersion

SIZE_PRESETS = ("official", "small")


@dataclass(frozen=True)
class NetworkSizes:
    """One size for each network; `bert_dim`, `ssl_dim` and phone counts agree between them."""

    t2s: T2SSizes
    sovits: SovitsSizes
    hubert: HubertSizes
    bert: BertSizes
    speaker_encoder: SpeakerEncoderSizes


def network_sizes(version: ModelVersion, preset: str = "official") -> NetworkSizes:
    """Sizes of a version.

    Args:
        version: v1, v2, v2Pro or v2ProPlus.
        preset: "official", or "small": the same architecture at about a hundredth of the work.

    Raises:
        ValueError: there is no such preset.
    """
    if preset == "official":
        return _official(version)
    if preset == "small":
        return _small(version)
    raise ValueError(f"size {preset!r} is unknown; need one of {', '.join(SIZE_PRESETS)}")


def _official(version: ModelVersion) -> NetworkSizes:
    sovits = SovitsSizes(version=version)
    if version is ModelVersion.V1:
        sovits = replace(sovits, num_phones=322)
    if version.uses_speaker_embedding:
        sovits = replace(sovits, global_dim=1024)
    if version is ModelVersion.V2_PRO_PLUS:
        sovits = replace(sovits, upsample_kernels=(20, 16, 8, 2, 2), upsample_channels=768)
    t2s = T2SSizes(num_phones=512) if version is ModelVersion.V1 else T2SSizes()
    return NetworkSizes(t2s, sovits, HubertSizes(), BertSizes(), SpeakerEncoderSizes())


def _small(version: ModelVersion) -> NetworkSizes:
    official = _official(version)
    return NetworkSizes(
        t2s=replace(official.t2s, hidden=128, heads=4, layers=4, feed_forward=512, bert_dim=64),
        sovits=replace(
            official.sovits,
            latent=48,
            filter=96,
            layers=2,
            global_dim=64 if not version.uses_speaker_embedding else 96,
            ssl_dim=64,
            mrte_hidden=64,
            style_hidden=32,
            flow_layers=2,
            wavenet_layers=2,
            upsample_channels=64 if version is not ModelVersion.V2_PRO_PLUS else 96,
            resblock_kernels=(3, 7),
            resblock_dilations=((1, 3), (1, 3)),
        ),
        hubert=HubertSizes(hidden=64, layers=2, heads=4, feed_forward=128, conv_channels=(32,) * 7, position_kernel=32),
        bert=BertSizes(hidden=64, layers=4, heads=4, feed_forward=128),
        # channels * expansion is 256, as officially: the embedding keeps its 20,480 numbers.
        speaker_encoder=SpeakerEncoderSizes(channels=8, blocks=(1, 1, 1, 1), scale=2, expansion=32),
    )
