"""s2: codes, phones and a reference to speech, trained as a whole.

Source: Kim et al. 2021, "VITS", for the losses: spectral distance, the divergence between posterior and prior through
the flow, adversary and feature matching. Different on purpose: most of each batch is decoded from the prior instead of
the posterior, with inference's noise, so that the path that is used later is the path that is trained; possible
because the codes already hold the timing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gsv_build.modules.acoustic import Acoustic, Encoded
from gsv_build.modules.masks import length_mask
from gsv_build.modules.reference_encoder import ReferenceEncoder
from gsv_build.modules.vocoder import Vocoder
from gsv_demo.arrays import Array
from gsv_demo.batches import ahead, widened
from gsv_demo.corpus import Corpus, drawn_voices
from gsv_demo.discriminators import Adversary, Jury
from gsv_demo.posterior import Posterior, sample
from gsv_demo.prefix import drawn_prefix, prefix_distance
from gsv_demo.reading import Reading
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run, half_products, load_modules
from gsv_demo.segments import Segments, cut
from gsv_demo.spectra import linear_spectrogram
from gsv_demo.tokens import Codes
from gsv_demo.waveform_losses import ENVELOPE_WEIGHT, decode_segment, envelope_distance, spectral_distance
from gsv_runtime.contract import FRAMES_PER_TOKEN, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, TOKENS_PER_SECOND

DIVERGENCE_WEIGHT = 0.01  # of the sum over channels: VITS weighs mel 45 times as much
_PREFIX_WEIGHT = 1.0
_NOISE_SCALE = 0.5  # of inference
_MAX_TOKENS = 100
_CROP_TOKENS = 40
_PHONE_WIDTH = 32  # phones are widened to a multiple of it where batches are steady
_POOL = 8
_POSTERIOR_EVERY = 6  # utterances for each that is decoded from the posterior
_SOUND_EVERY = 250


class Networks(nn.Module):
    """Everything that s2 trains."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        sizes = recipe.sovits
        self.posterior = Posterior(sizes)
        self.reference_encoder = ReferenceEncoder(sizes)
        self.vocoder = Vocoder(sizes)
        self.acoustic = Acoustic(sizes)


@dataclass(frozen=True)
class Batch:
    """Whole utterances, padded.

    Attributes:
        waveform: [B, 640 * F] at 32 kHz.
        reference: [B, 640 * R], another clip of the same voice.
        tokens: [B, T], padding 0.
        token_lengths: [B, 1].
        phones: [B, P], padding 0.
        phone_lengths: [B, 1].
        known: [B, 1], tokens of `prefix_distance`.
    """

    waveform: Tensor
    reference: Tensor
    tokens: Tensor
    token_lengths: Tensor
    phones: Tensor
    phone_lengths: Tensor
    known: Tensor


class Utterances:
    """Draws batches of utterances of like length."""

    def __init__(
        self, corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], recipe: Recipe, seed: int
    ) -> None:
        self.corpus, self.readings, self.codes, self.recipe = corpus, readings, codes, recipe
        self.rng = random.Random(seed)
        self.clips = Segments(corpus, seed)
        self.by_voice: dict[str, list[int]] = {}
        for index, item in enumerate(corpus.items):
            if recipe.segment_frames // FRAMES_PER_TOKEN < len(codes[index].spoken):
                self.by_voice.setdefault(item.voice, []).append(index)
        self._waiting: list[list[int]] = []

    def batch(self, count: int) -> dict[str, Tensor]:
        """Draw `count` utterances; three batches of four are cut to a second and a half, which costs less."""
        if not self._waiting:
            counts = {voice: len(indices) for voice, indices in self.by_voice.items()}
            voices = drawn_voices(self.rng, counts, _POOL * count)
            drawn = [self.rng.choice(self.by_voice[voice]) for voice in voices]
            drawn.sort(key=lambda index: len(self.codes[index].spoken))
            self._waiting = [drawn[at : at + count] for at in range(0, len(drawn), count)]
            self.rng.shuffle(self._waiting)
        limit = _CROP_TOKENS if self.rng.random() < 0.75 else _MAX_TOKENS
        return self._assemble(self._waiting.pop(), limit)

    def _crop(self, index: int, limit: int) -> tuple[int, Array, Array]:
        """First token, codes and phones of a random piece of at most `limit` tokens."""
        tokens, reading = self.codes[index].spoken, self.readings[index]
        first = self.rng.randint(0, max(0, len(tokens) - limit))
        last = min(len(tokens), first + limit)
        if last - first == len(tokens):
            return 0, tokens, reading.phones
        begin, end = np.searchsorted(reading.ends_s, np.array([first + 0.5, last - 0.5]) / TOKENS_PER_SECOND)
        return first, tokens[first:last], reading.phones[begin : end + 1]

    def _assemble(self, indices: list[int], limit: int) -> dict[str, Tensor]:
        crops = [self._crop(index, limit) for index in indices]
        tokens, phones = [tokens for _, tokens, _ in crops], [phones for _, _, phones in crops]
        width = limit if self.recipe.steady else max(map(len, tokens))
        items = [self.corpus.items[index] for index in indices]
        audio = [
            cut(self.corpus, item, first * FRAMES_PER_TOKEN, width * FRAMES_PER_TOKEN)
            for item, (first, _, _) in zip(items, crops, strict=True)
        ]
        references = self.clips.references([item.voice for item in items], self.recipe.reference_frames)
        several = _PHONE_WIDTH if self.recipe.steady else 1
        phone_width = -(-max(map(len, phones)) // several) * several
        lengths = _lengths(tokens)
        return vars(
            Batch(
                waveform=torch.from_numpy(np.stack(audio)),
                reference=references,
                tokens=widened(_padded(tokens), width),
                token_lengths=lengths,
                phones=widened(_padded(phones), phone_width),
                phone_lengths=_lengths(phones),
                known=torch.full_like(lengths, drawn_prefix(self.rng, int(lengths.min()))),
            )
        )


def _padded(rows: Sequence[Array]) -> Tensor:
    width = max(map(len, rows))
    return torch.from_numpy(np.stack([np.pad(row, (0, width - len(row))) for row in rows]))


def _lengths(rows: Sequence[Array]) -> Tensor:
    return torch.tensor([[len(row)] for row in rows])


def divergence(latents_in_prior: Tensor, log_std: Tensor, prior: Encoded) -> Tensor:
    """Kullback-Leibler divergence of posterior from prior, summed over channels, mean over frames.

    Args:
        latents_in_prior: [B, latent, F], the posterior's sample after the flow.
        log_std: [B, latent, F] of the posterior.
        prior: of the text and codes.

    Source: VITS, equations 3 and 4, with the expectation taken at one sample.
    """
    each = prior.log_std - log_std - 0.5
    each = each + 0.5 * (latents_in_prior - prior.mean).square() * torch.exp(-2.0 * prior.log_std)
    return (each * prior.mask).sum() / prior.mask.sum()


def cut_each(frames: Tensor, starts: Tensor, size: int) -> Tensor:
    """Rows [B, C, size] of [B, C, F], each from its own start [B]."""
    index = starts[:, None] + torch.arange(size, device=frames.device)
    return frames.gather(2, index[:, None, :].expand(-1, frames.shape[1], -1))


@dataclass(frozen=True)
class Heard:
    """What both ends say about the latent frames of a batch.

    Attributes:
        condition: [B, global_dim].
        mask: [B, 1, F].
        latents: [B, latent, F], drawn from the posterior.
        prior: of text and codes.
        gap: divergence of posterior from prior, scalar.
    """

    condition: Tensor
    mask: Tensor
    latents: Tensor
    prior: Encoded
    gap: Tensor


def hear(networks: Networks, batch: Batch, learn_encoders: bool) -> Heard:
    """Run reference encoder, posterior, prior and flow over whole utterances."""
    with torch.set_grad_enabled(learn_encoders):
        condition = networks.reference_encoder(linear_spectrogram(batch.reference)).float()
        spectrum = linear_spectrogram(batch.waveform)
        mask = length_mask(batch.token_lengths * FRAMES_PER_TOKEN, spectrum.shape[2])
        mean, log_std = (part.float() for part in networks.posterior(spectrum, mask, condition))
        latents = sample(mean, log_std) * mask
    prior = networks.acoustic.encode_text_and_tokens(
        batch.tokens, batch.token_lengths, batch.phones, batch.phone_lengths, condition
    )
    prior = Encoded(prior.hidden, prior.mean.float(), prior.log_std.float().clamp(-4.0, 2.0), prior.mask)
    gap = divergence(networks.acoustic.flow(latents, mask, condition).float(), log_std, prior)
    return Heard(condition, mask, latents, prior, gap)


def speak_segments(networks: Networks, batch: Batch, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Decode one segment of each utterance: the first few from the posterior, the others from the prior.

    Returns:
        made and real segments [B, 640 * size], the divergence, and `prefix_distance`.
    """
    heard = hear(networks, batch, learn_encoders=True)
    moved = prefix_distance(
        networks.acoustic, batch.tokens, batch.phones, batch.phone_lengths, heard.condition, heard.prior,
        batch.known,
    )  # fmt: skip
    few = num_posterior(len(heard.latents))
    mask, condition = heard.mask[few:], heard.condition[few:]
    spread = heard.prior.log_std[few:].exp() * _NOISE_SCALE
    guessed = (heard.prior.mean[few:] + torch.randn_like(spread) * spread) * mask
    guessed = networks.acoustic.flow.reverse(guessed, mask, condition).float()
    room = (batch.token_lengths[:, 0] * FRAMES_PER_TOKEN - size).clamp(min=0)
    starts = (torch.rand(len(room), device=room.device) * (room + 1)).long()
    pieces = cut_each(torch.cat([heard.latents[:few], guessed]), starts, size)
    made = decode_segment(networks.vocoder, pieces.float(), heard.condition)
    index = starts[:, None] * SAMPLES_PER_FRAME + torch.arange(size * SAMPLES_PER_FRAME, device=starts.device)
    return made, batch.waveform.gather(1, index), heard.gap, moved


def num_posterior(count: int) -> int:
    """How many of a batch are decoded from the posterior: enough that the latents keep what the prior cannot know."""
    return max(1, count // _POSTERIOR_EVERY)


def _started(recipe: Recipe, folder: Path, device: str) -> Networks:
    """Networks with what the autoencoder and the content encoder have learnt."""
    networks = Networks(recipe)
    learnt = {name: getattr(networks, name) for name in ("posterior", "reference_encoder", "vocoder")}
    load_modules(folder / "autoencoder.pt", learnt)
    listener = torch.load(folder / "content.pt", map_location="cpu", weights_only=True)["modules"]["listener"]
    networks.acoustic.codebook.copy_(listener["quantizer.codebook"])
    return networks.to(device)


def train_prior(
    corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], recipe: Recipe, folder: Path, device: str
) -> Run:
    """Train codes and phones to predict the autoencoder's latents; arguments as those of `train_synthesis`."""
    networks = _started(recipe, folder, device)
    run = Run("prior", recipe.prior, {"acoustic": networks.acoustic}, folder)

    def lesson(batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        with half_products(device):
            gap = hear(networks, Batch(**batch), learn_encoders=False).gap
        return gap / recipe.sovits.latent, {"divergence": gap}

    drawing = _drawing(corpus, readings, codes, recipe, recipe.prior.batch)
    for batch in ahead(run.steps(), drawing, recipe.seed + run.step, device, recipe.drawers):
        run.learn(lesson, batch)
    return run


def _drawing(
    corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], recipe: Recipe, count: int
) -> Callable[[int], Callable[[], dict[str, Tensor]]]:
    """A seed to what draws batches of `count` utterances."""

    def drawing(seed: int) -> Callable[[], dict[str, Tensor]]:
        utterances = Utterances(corpus, readings, codes, recipe, seed)
        return lambda: utterances.batch(count)

    return drawing


def train_synthesis(
    corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], recipe: Recipe, folder: Path, device: str
) -> Run:
    """Train s2 as a whole, from what autoencoder and prior have learnt apart.

    Args:
        corpus: what is spoken.
        readings: its phones, item by item.
        codes: its codes, item by item.
        recipe: its `synthesis` stage; the adversary joins at `adversary_from`.
        folder: checkpoint and scalars; `autoencoder.pt`, `content.pt` and `prior.pt` are read from it.
        device: "cpu" or "cuda".
    """
    networks, jury = _started(recipe, folder, device), Jury(recipe.jury_width).to(device)
    load_modules(folder / "prior.pt", {"acoustic": networks.acoustic})
    load_modules(folder / "autoencoder.pt", {"jury": jury}, missing_ok=True)
    run = Run("synthesis", recipe.synthesis, {"networks": networks}, folder, kept={"jury": jury})
    adversary = Adversary(jury, recipe.synthesis.learning_rate)
    heard: dict[str, Tensor] = {}

    def lesson(batch: dict[str, Tensor], judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        with half_products(device):
            made, real, gap, moved = speak_segments(networks, Batch(**batch), recipe.segment_frames)
        few = num_posterior(len(made))
        posterior_distance = spectral_distance(made[:few], real[:few])
        prior_distance = spectral_distance(made[few:], real[few:])
        envelope = envelope_distance(made, real)
        loss = prior_distance + posterior_distance / _POSTERIOR_EVERY + DIVERGENCE_WEIGHT * gap
        loss = loss + ENVELOPE_WEIGHT * envelope + _PREFIX_WEIGHT * moved
        scalars = {
            "posterior_spectral": posterior_distance, "prior_spectral": prior_distance, "divergence": gap,
            "envelope": envelope, "prefix": moved,
        }  # fmt: skip
        if judged:
            fooled, parts = adversary.judge(made, real)
            loss, scalars = loss + fooled, scalars | parts
        heard.update(posterior=made[0].detach(), prior=made[-1].detach())
        return loss, scalars

    drawing = _drawing(corpus, readings, codes, recipe, recipe.synthesis.batch)
    for batch in ahead(run.steps(), drawing, recipe.seed + run.step, device, recipe.drawers):
        step, judged = run.step, run.progress >= recipe.adversary_from
        run.learn(partial(lesson, judged=judged), batch, f"judged={judged}")
        if step % _SOUND_EVERY == 0:
            for name, waveform in heard.items():
                run.sound(f"synthesis/{name}", waveform, SAMPLE_RATE_HZ)
    return run
