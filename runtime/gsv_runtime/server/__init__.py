"""tritonserver, its processes and its parent."""
