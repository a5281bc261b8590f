"""Sphinx's settings for the site; read by Sphinx alone."""

import os
from pathlib import Path

_HERE = Path(__file__).parent

project = "replicate"
author = "The replicate maintainers"
html_title = f"replicate, preset {os.environ['REPLICATE_SITE_PRESET']}"
extensions = ["myst_nb", "replicate.site.mathml"]

nb_execution_mode = "off"  # the report shows what ran; it runs nothing
nb_ipywidgets_js: dict[str, str] = {}  # sliders need a kernel, and their scripts come from another host
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the sidebar has the search
}
html_math_renderer = "mathml"
html_static_path = [str(_HERE / "static")]
html_favicon = str(_HERE / "static" / "tick.svg")
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_extra_path = [os.environ["REPLICATE_SITE_FILES"]]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_last_updated_fmt = None
