"""OpenAI's audio API, with what other servers of its shape have added."""
