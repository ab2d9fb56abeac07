"""Hostile inputs, kills and a disk that fills, against a whole installation: `make attack`.

Nobody means harm by most of them: a file that was cut off, a typing error with many digits, a
machine that is switched off. Each must end in a result or in one line that says what to do.
"""
