"""`python -m number_prediction` is the command `number-prediction`."""

from number_prediction.cli import main

main()
