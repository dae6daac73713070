"""Run the examples of README and guides, and update the outputs they show.

python -m scripts.make_outputs
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.docs.examples import PAGES, copy_inputs, replace_outputs


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy_inputs(Path(folder))
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            changed = replace_outputs(text, Path(folder))
            if changed != text:
                page.write_text(changed, encoding="utf-8")
                print(page.name)


if __name__ == "__main__":
    main()
