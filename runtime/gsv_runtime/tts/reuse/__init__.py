"""What need not be computed again: answers, sentences, stages, voices."""
