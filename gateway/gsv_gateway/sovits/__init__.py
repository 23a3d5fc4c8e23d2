"""GPT-SoVITS's api_v2, its older api.py, and the variants that clients aim at."""
