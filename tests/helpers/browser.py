"""Debian's Chromium without a window, for tests that look at pages."""

import shutil
import subprocess

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


def chromium(folder, *options):
    return subprocess.run(
        [CHROMIUM, "--no-sandbox", "--headless=new", "--disable-gpu", "--hide-scrollbars",
         "--virtual-time-budget=30000",
         "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
         "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", *options],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
