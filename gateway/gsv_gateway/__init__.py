"""HTTP and WebSocket before a gsv-triton server: OpenAI's speech API, GPT-SoVITS's api_v2, Deepgram's, and a page.

It holds no model: it speaks gRPC with Triton through `gsv_client`. `python -m gsv_gateway` starts it.
"""
