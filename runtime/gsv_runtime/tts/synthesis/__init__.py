"""What is called with what; pure but for the injected stages."""
