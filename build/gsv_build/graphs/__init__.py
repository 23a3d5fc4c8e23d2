"""ONNX graphs that are written node by node: T2S, and its smaller weights."""
