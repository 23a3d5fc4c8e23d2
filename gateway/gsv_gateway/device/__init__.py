"""Devices that make the audio themselves: what they need, and latents instead of audio."""
