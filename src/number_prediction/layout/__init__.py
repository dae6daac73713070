"""Page -> its ink, marks, rules and lines of writing.

NumPy and Pillow only, without OpenCV or scikit-image: the first prediction takes 0.4 s after the start of the
process, and the package stays small.
"""
