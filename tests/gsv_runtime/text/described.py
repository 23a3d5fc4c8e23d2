"""What becomes of a text, as `gsv phones` shows it."""

import json

from gsv_runtime.text.frontend import TextFrontend


def describe(text, language="auto", split_method="cut5", lexicon="", frontend="improved"):
    """One dict a sentence."""
    result = TextFrontend("v2", None, frontend).process(text, language, split_method, lexicon, explain=True)
    return [json.loads(origin) for origin in result.origins]
