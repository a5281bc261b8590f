"""Write the site of ``results/<preset>``: gather its sources in a scratch folder, let Sphinx make pages of them.

The pages work from ``file://``, ask no other host for anything, and take the place of the old ones at once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from replicate import report
from replicate.errors import UserError
from replicate.paths import PACKAGE
from replicate.site import api, documents, pages

_NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml")


def build(folder: Path) -> Path:
    """Write ``site/`` beside the runs in ``folder`` and return its first page.

    Args:
        folder: ``results/<preset>``.

    Raises:
        UserError: the packages of the extra ``report`` are missing, or Sphinx failed or warned about a page.
    """
    _require_packages()
    with tempfile.TemporaryDirectory(prefix="replicate-site-") as scratch:
        source, files, target = (Path(scratch) / name for name in ("source", "files", "html"))
        found, problems = report.results(folder)
        pages.write(source, files, found, problems, preset=folder.name)
        documents.copy(source)
        api.write(source)
        for path in report.write(folder):
            shutil.copyfile(path, files / path.name)
        _run_sphinx(source, target, {"REPLICATE_SITE_PRESET": folder.name, "REPLICATE_SITE_FILES": str(files)})
        _publish(target, folder / "site")
    return folder / "site" / "index.html"


def _require_packages() -> None:
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UserError(
            f"the site needs {', '.join(missing)}: 'make report' installs them, or pip install --editable '.[report]'"
        )


def _run_sphinx(source: Path, target: Path, settings: dict[str, str]) -> None:
    places = [PACKAGE / "site", source.with_name("doctrees"), source, target]
    config, doctrees, *rest = map(str, places)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-c", config, "-d", doctrees, *rest],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise UserError(f"the site could not be built:\n{done.stderr.replace(str(source), 'site')[-3000:]}")


_UNUSED = (".buildinfo", "objects.inv", "*webpack-macros.html")  # for Sphinx's own use


def _publish(finished: Path, site: Path) -> None:
    """Put the finished pages in their place; the old ones are moved aside first and then removed."""
    staging, old = site.with_name(f".site.partial-{os.getpid()}"), site.with_name(".site.old")
    shutil.copytree(finished, staging, ignore=shutil.ignore_patterns(*_UNUSED))
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    staging.rename(site)
    shutil.rmtree(old, ignore_errors=True)
