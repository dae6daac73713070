"""Pictures that the repository draws: digits, lines, words, paper."""
