from gsv_runtime.models import OnnxStageModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
