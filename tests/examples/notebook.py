"""Runs cells in a Jupyter kernel of Deno, and prints what they display, as JSON, line by line.

Needs Debian's python3-jupyter-client: /usr/bin/python3 tests/examples/notebook.py DENO CELL...
"""

import json
import sys
from queue import Empty

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

DISPLAYS = ("execute_result", "display_data", "update_display_data", "error")

deno, *cells = sys.argv[1:]
kernel = KernelManager()
kernel._kernel_spec = KernelSpec(argv=[deno, "jupyter", "--kernel", "--conn", "{connection_file}"])
kernel.start_kernel()
client = kernel.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=60)
    for cell in cells:
        request = client.execute(cell)
        idle = False
        while True:
            try:
                message = client.get_iopub_msg(timeout=1 if idle else 60)
            except Empty:
                if idle:
                    break
                raise
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] in DISPLAYS:
                print(json.dumps(content.get("data", content)))
            # The kernel may say so before the last of what a cell displays.
            idle = idle or content.get("execution_state") == "idle"
finally:
    client.stop_channels()
    kernel.shutdown_kernel(now=True)
