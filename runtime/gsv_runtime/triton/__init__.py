"""The only place that knows `triton_python_backend_utils`."""
