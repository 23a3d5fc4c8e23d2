"""Any exported graph, run by ONNX Runtime."""
