"""The public model `tts`: from a request's tensors to its last response."""
