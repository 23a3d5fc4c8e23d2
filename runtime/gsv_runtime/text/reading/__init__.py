"""One module a language, named by its code, each with ``reader(frontend, symbols) -> languages.Reader``."""
