"""Without the extra ``qmac[explore]`` there is no server to test."""

from importlib.util import find_spec

collect_ignore = []
if find_spec("starlette") is None or find_spec("uvicorn") is None:
    collect_ignore += ["test_orders.py", "test_page.py", "test_security.py", "test_server.py"]
