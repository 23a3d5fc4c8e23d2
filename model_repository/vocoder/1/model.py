from gsv_runtime.triton.graph_model import OnnxStageModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
