"""Which fine-tunes are loaded: the one place that decides, for `tts`, `voices` and operators."""
