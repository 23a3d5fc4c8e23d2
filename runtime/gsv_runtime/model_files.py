"""Names of the files inside a model's version directory."""

GRAPH_FILE = "model.onnx"
ENGINE_FILE = "model.plan"
VOCABULARY_FILE = "vocab.txt"  # of BERT, beside text_frontend
