"""Training: recipes, framing, the training loop, export, fine-tuning. Needs the extra `train`.

Importing this package loads nothing; a name loads its module when it is first used. `__init__.pyi` lists the
names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
