"""What text becomes: sentences, phones, and the map between them."""
