"""Pages of reports taken apart: their figures, the numbers of these, the text."""

import base64
import gzip
import json
import re

import numpy as np


def figures_in(text):
    """Return the figures of a page as a browser reads them."""
    data = re.search(r'id="figures">([^<]*)<', text)[1]
    return json.loads(gzip.decompress(base64.b64decode(data)))


def array(value):
    """Return the numbers of a trace, which Plotly embeds as base64."""
    numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    return numbers.reshape([int(size) for size in str(value.get("shape", numbers.size)).split(",")])


def without_data(text):
    """Return a page without Plotly and the data of its figures."""
    return re.sub(r'<script type="text/plain".*?</script>', "", text, flags=re.DOTALL)
