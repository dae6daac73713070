"""A trained run -> an ONNX file that answers like torch."""
