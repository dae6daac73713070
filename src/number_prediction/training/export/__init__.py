"""A trained run -> an ONNX file that answers as torch does."""
