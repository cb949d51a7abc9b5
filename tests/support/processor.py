"""What the processor that runs the tests decides."""

from pathlib import Path

MKL_SSE4_2 = "SSE4_2" if "GenuineIntel" in Path("/proc/cpuinfo").read_text() else "AUTO"
"""MKL's branch where it is asked for SSE4_2: on other makers' processors it chooses itself."""
