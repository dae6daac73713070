"""Train, understand and use recognisers of handwritten digits and numbers.

Importing the package loads nothing; a name loads its module when it is first used. The names stand in
`__init__.pyi`.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
