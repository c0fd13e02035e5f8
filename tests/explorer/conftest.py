"""Without the extra ``qmac[explore]`` there is no server to test."""

from importlib.util import find_spec

collect_ignore = []
if any(find_spec(name) is None for name in ("starlette", "uvicorn", "websockets")):
    collect_ignore += ["test_orders.py", "test_page.py", "test_security.py", "test_server.py"]
