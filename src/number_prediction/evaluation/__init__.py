"""Models and labelled pictures -> figures."""
