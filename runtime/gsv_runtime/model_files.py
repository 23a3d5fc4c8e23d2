"""Names of the files inside a model's version directory."""

GRAPH_FILE = "model.onnx"
ENGINE_FILE = "model.plan"
VOCABULARY_FILE = "vocab.txt"  # of BERT, beside text_frontend
TEXT_RESOURCES = "resources"  # a directory of optional files, beside it
T2S_GRAPH_FILE = "t2s.onnx"  # both phases, for ONNX Runtime on a CPU
T2S_CUDA_PREFILL_FILE = "t2s_cuda_prefill.onnx"  # for ONNX Runtime on a GPU
T2S_CUDA_DECODE_STEP_FILE = "t2s_cuda_decode_step.onnx"
T2S_PREFILL_FILE = "t2s_prefill.onnx"  # portable
T2S_DECODE_STEP_FILE = "t2s_decode_step.onnx"  # portable
T2S_WEIGHTS_FILE = "t2s.weights"  # of all of these
T2S_INT8_WEIGHTS_FILE = "t2s_int8.weights"  # of the first, where it was built at 8 bits
