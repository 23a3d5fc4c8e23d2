"""Text that is spoken while it is written, over WebSockets."""
