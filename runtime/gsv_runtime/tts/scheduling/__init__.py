"""Who is let in, and whose call is next."""
