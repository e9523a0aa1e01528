"""Notebooks that use what a kernel offers, each in a small cell, and notebooks that end in every way a kernel can end.

A cell begins with `# %% name tag ...`; the tags `markdown` and `raw` make it a cell of that kind. What decides whether
a cell is of use here is that papermill's own engine gives the same twice. So output that passes through a pipe (what is
written to the file descriptors, by C or by other processes) is alone in its cell, which waits until a thread of the
kernel has read it, and output on two streams is flushed at each turn.
"""

from __future__ import annotations

import importlib.util
import re

import nbformat
from nbformat import NotebookNode

PARAMETERS = {"who": "Zoë 'the \"tester\"'", "numbers": [1, 2.5, None], "flag": True}
"""What is passed to the conformance notebook; a value for each name that its cell `parameters` declares."""

_BASICS = r"""
# %% prose markdown
# A heading with *emphasis*

# %% as-it-is raw
<b>raw</b>

# %% parameters parameters
who = "nobody"
numbers = []
flag = False

# %% parameters-arrive
who, numbers, flag

# %% last-expression
1 + 1

# %% history
_, __, Out, len(In), In[-1]

# %% execution-count
get_ipython().execution_count

# %% history-manager
[source for _, _, source in get_ipython().history_manager.get_range(0, 1, 4)]

# %% multiline-last-expression
[
    number
    for number in range(3)
]

# %% semicolon
"not shown";

# %% assignment-only
value = 3

# %% several-statements
value; value + 1

# %% deleted
del value
"value" in globals()

# %% empty

# %% comment-only
# nothing but a comment

# %% skipped skip-execution
raise RuntimeError("a cell with this tag is not run")

# %% main-module
import sys, __main__
__name__, "__file__" in globals(), __main__.__dict__ is globals(), sys.modules["__main__"] is __main__

# %% shell
type(get_ipython()).__name__, type(exit).__name__, type(quit).__name__

# %% notebook-detected
"IPKernelApp" in get_ipython().config, hasattr(get_ipython(), "kernel")

# %% argv
sys.argv

# %% path
sys.path

# %% pickle-of-main
import pickle
class Point:
    pass
type(pickle.loads(pickle.dumps(Point()))).__qualname__, Point.__module__

# %% source-of-a-cell
import inspect
def documented(x):
    return x  # a comment that only the source has
print(inspect.getsource(documented))

# %% question-mark
documented?

# %% next-input
get_ipython().set_next_input("1 + 2")
"""

_DISPLAY = r"""
# %% rich-display
from IPython.display import HTML, JSON, SVG, Image, Javascript, Latex, Markdown, clear_output, display
display(HTML("<b>bold</b>"), Markdown("**bold**"), Latex("$x^2$"), JSON({"a": [1, None]}), Javascript("1"))

# %% svg
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><path d="M0 0h4v4z"/></svg>')

# %% png
import base64
dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
Image(base64.b64decode(dot), width=9)

# %% mimetypes
display({"text/plain": "plain", "text/html": "<i>html</i>", "application/x-own+json": {"k": "Ω"}}, raw=True,
        metadata={"text/html": {"isolated": True}})

# %% mimebundle
class Bundle:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "a bundle", "text/html": "<u>bundle</u>"}, {"text/html": {"wide": 1}}
Bundle()

# %% repr-html-fails raises-exception
class Broken:
    def __repr__(self):
        return "Broken()"
    def _repr_html_(self):
        raise RuntimeError("no HTML")
Broken()

# %% display-none
display(None)
None

# %% display-id
handle = display("first", display_id="shown")
other = display(HTML("<p>other</p>"), display_id=True)

# %% display-id-update
handle.update("second")
other.update(HTML("<p>changed by a later cell</p>"))

# %% display-id-same-cell
here = display("a", display_id=True)
print("between")
here.update("b")

# %% clear-wait
for turn in range(3):
    clear_output(wait=True)
    print("turn", turn)

# %% clear-at-once
print("gone")
display("gone too")
clear_output(wait=False)
print("stays")

# %% clear-wait-nothing-after
print("stays, for nothing comes after")
clear_output(wait=True)

# %% pandas-frame
import pandas as pd
frame = pd.DataFrame({"name": ["Zoë", None], "share": [0.25, float("nan")]})
frame

# %% pandas-option
before = pd.get_option("display.precision")
pd.set_option("display.precision", 2)
display(before, pd.DataFrame({"x": [1 / 3]}))

# %% numpy-options
import numpy as np
print(np.get_printoptions()["precision"], np.array([1 / 3]))
np.set_printoptions(precision=3)
np.array([1 / 3])

# %% altair-chart
import altair as alt
alt.Chart(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})).mark_bar().encode(x="a:Q", y="b:N")

# %% altair-theme
alt.theme.active, alt.renderers.active

# %% matplotlib-backend
import os
import matplotlib
os.environ["MPLBACKEND"], matplotlib.get_backend()

# %% figure-without-magic
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1))
plt.plot([1, 3, 2])

# %% figure-png
%matplotlib inline
fig, ax = plt.subplots(figsize=(1, 1))
ax.plot([1, 3, 2], marker="o");

# %% figure-svg
%config InlineBackend.figure_formats = ["svg"]
fig, ax = plt.subplots(figsize=(1, 1))
ax.plot([1, 3, 2], marker="o");

# %% figure-closed
plt.figure()
plt.close()
"""

_STREAMS = r"""
# %% print
print("one", "two", sep="\t")

# %% streams-interleaved
for turn in range(3):
    print("out", turn, flush=True)
    print("err", turn, file=sys.stderr, flush=True)

# %% streams-and-displays
print("before")
display("between")
print("after")
"result"

# %% carriage-return
print("overwritten\rwritten\x08\x08N")

# %% slow-flushes
import time
for turn in range(4):
    print(turn)
    time.sleep(0.15)

# %% unicode
print("naïve Ω 漢字 \N{SCHOOL} \N{WOMAN}\N{ZERO WIDTH JOINER}\N{SCHOOL} a\u0301")
"\N{GRINNING FACE}"

# %% write-returns
sys.stdout.write("raw\n"), sys.stderr.write("")

# %% stream-properties
sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), type(sys.stdout).__name__, type(sys.stdin).__name__

# %% stdout-replaced
import io
kept, sys.stdout = sys.stdout, io.StringIO()
print("into the buffer")
kept, sys.stdout = sys.stdout, kept
print("after:", repr(kept.getvalue()))

# %% stdout-redirected
import contextlib
with contextlib.redirect_stdout(io.StringIO()) as buffer:
    print("held")
len(buffer.getvalue())

# %% warning
import warnings
warnings.warn("something to know")

# %% logging
import logging
logging.warning("to the standard error")
logging.getLogger("named").error("also")
logging.info("not at this level")

# %% tqdm
from tqdm import tqdm
for _ in tqdm(range(3), mininterval=0, miniters=1):
    pass

# %% descriptor-1
os.write(1, b"written to descriptor 1\n")
time.sleep(0.5)

# %% descriptor-2
os.write(2, b"written to descriptor 2\n")
time.sleep(0.5)

# %% subprocess-out
import subprocess
subprocess.run(["echo", "from a subprocess"])
time.sleep(0.5)

# %% subprocess-err
subprocess.run("echo trouble >&2", shell=True)
time.sleep(0.5)

# %% c-printf
import ctypes
libc = ctypes.CDLL(None)
libc.printf(b"from C\n")
libc.fflush(None)
time.sleep(0.5)

# %% forked-child-prints
child = os.fork()
if not child:
    print("from a fork", flush=True)
    time.sleep(0.2)
    os._exit(0)
os.waitpid(child, 0)[1], time.sleep(0.5)

# %% fork-pool
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    squares = pool.map(abs, [-1, -2, -3])
squares

# %% thread-pool
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as threads:
    lengths = list(threads.map(len, ["a", "bc"]))
lengths

# %% thread-prints
import threading
thread = threading.Thread(target=print, args=("from a thread",))
thread.start()
thread.join()

# %% thread-starts
go = threading.Event()
def later():
    go.wait()
    print("from the thread of an earlier cell", flush=True)
thread = threading.Thread(target=later)
thread.start()

# %% thread-ends-in-a-later-cell
go.set()
thread.join()
time.sleep(0.3)
"joined"

# %% main-thread
threading.current_thread() is threading.main_thread()
"""

_MAGICS = r"""
# %% shell-command
!echo from the shell
!echo "$who" {1 + 1}

# %% shell-command-fails
!exit 3
_exit_code

# %% shell-command-captured
lines = !printf 'a\nb\n'
lines

# %% bash
%%bash
echo from bash
cd / && pwd

# %% bash-err
%%bash
echo trouble >&2

# %% bash-fails raises-exception
%%bash
exit 4

# %% capture
%%capture captured
print("held back")
display(HTML("<b>held</b>"))
"the value too"

# %% captured
print(captured.stdout, end="")
captured.show()
len(captured.outputs)

# %% time
%time 1 + 1

# %% time-cell
%%time
print("timed")

# %% writefile
%%writefile written.txt
Zoë was here

# %% env
%env CONFORMANCE_SET=by the magic
os.environ["CONFORMANCE_SET"]

# %% cd
os.mkdir("inner")
%cd inner
os.getcwd()

# %% cd-back
os.chdir("..")
os.getcwd()

# %% xmode raises-exception
%xmode Minimal
1 / 0

# %% xmode-back
%xmode Context

# %% autoreload
%load_ext autoreload
%autoreload 0
"autoreload" in sys.modules or "IPython.extensions.autoreload" in sys.modules

# %% own-magic
from IPython.core.magic import register_cell_magic
@register_cell_magic
def shout(line, cell):
    print(line, cell.upper())

# %% own-magic-used
%%shout aloud:
words

# %% hook
def ran(result):
    print("ran cell", result.execution_count)
get_ipython().events.register("post_run_cell", ran)

# %% hook-runs
get_ipython().events.unregister("post_run_cell", ran)
"hooked"

# %% who
%who_ls DataFrame
"""

_ERRORS = r"""
# %% raises raises-exception
print("before")
1 / 0

# %% raises-deep raises-exception
def outer():
    return inner()
def inner():
    raise ValueError("from within,\non two lines")
outer()

# %% raises-from raises-exception
try:
    {}["missing"]
except KeyError as error:
    raise RuntimeError("chained") from error

# %% raises-in-a-module raises-exception
import json
json.loads("{")

# %% syntax-error raises-exception
def broken(:

# %% input raises-exception
input("a question? ")

# %% exception-group raises-exception
raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])

# %% count-after-errors
get_ipython().execution_count
"""

_SYSTEM = r"""
# %% await
import asyncio
await asyncio.sleep(0.01)
"awaited"

# %% task-starts
async def work():
    await asyncio.sleep(0.01)
    return "worked"
task = asyncio.create_task(work())
task.done()

# %% task-ends-in-a-later-cell
await task

# %% task-prints
async def tell():
    await asyncio.sleep(0.01)
    print("from a task", flush=True)
telling = asyncio.create_task(tell())

# %% task-printed
await telling

# %% async-generator
async def countdown():
    for number in (3, 2, 1):
        yield number
        await asyncio.sleep(0)
async for number in countdown():
    print(number)
[number async for number in countdown()]

# %% event-loop
type(asyncio.get_running_loop()).__name__

# %% seeded
import random
random.seed(1)
np.random.seed(1)
random.random(), float(np.random.random()), float(np.random.default_rng(1).random())

# %% working-folder
os.getcwd(), sorted(os.listdir())

# %% environment
os.environ.get("CONFORMANCE"), {name: os.environ.get(name) for name in ("TERM", "PAGER", "CLICOLOR", "PATH", "HOME")}

# %% session
os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()

# %% alarm
import signal
rung = []
previous = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.2)
rung, previous

# %% signal-handlers
signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE)

# %% signal-mask
signal.pthread_sigmask(signal.SIG_BLOCK, [])

# %% limits
import resource
names = "RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_STACK"
{name: resource.getrlimit(getattr(resource, name)) for name in names}

# %% interpreter
import faulthandler, gc
sys.getrecursionlimit(), faulthandler.is_enabled(), gc.isenabled(), sys.flags, sys.dont_write_bytecode

# %% niceness-and-mask
mask = os.umask(0)
os.umask(mask)
os.nice(0), oct(mask), len(os.sched_getaffinity(0))

# %% stdin
os.read(0, 1)

# %% comm
from comm import create_comm
comm = create_comm(target_name="conformance", data={"k": 1})
comm.send({"k": 2})
comm.close()

# %% at-exit
import atexit
atexit.register(lambda: open("at-exit.txt", "w").write("the kernel ended in good order"));

# %% large
# The last two are the largest: papermill writes the whole notebook before and after each cell.
print("x" * 100_000)

# %% many-flushes
for turn in range(2000):
    print(turn, end=" ", flush=True)
"""

_WIDGETS = r"""
# %% widget
import ipywidgets
slider = ipywidgets.IntSlider(3)
slider

# %% widget-output
held = ipywidgets.Output()
with held:
    print("within the widget")
held

# %% widget-tqdm
from tqdm.auto import tqdm as bar
for _ in bar(range(3)):
    pass
"""

# What a kernel sends in the last moment before it is killed may arrive or not, with papermill's own engine too.
_SAID = "import time\nprint('before', flush=True)\ntime.sleep(0.5)\n"

FAILURES: dict[str, list[str]] = {
    "exception": ["print('before')\n1 / 0"],
    "exception in a module": ["import json\njson.loads('{')"],
    "syntax error": ["def broken(:"],
    "exit status 0": ["import sys\nsys.exit(0)"],
    "exit status 3": ["import sys\nsys.exit(3)"],
    "exit function": ["exit()"],
    "hard exit": [f"{_SAID}import os\nos._exit(3)"],
    "segmentation fault": [f"{_SAID}import ctypes\nctypes.string_at(0)"],
    "killed": [f"{_SAID}import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"],
    "endless loop": [f"{_SAID}while True: pass"],
    # The limit is above what this kernel has already: a kernel that has imported more has more.
    "out of memory": [
        "import resource\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28, resource.RLIM_INFINITY))",
        "bytearray(2**32)",
    ],
    "interrupted": ["import signal\nsignal.raise_signal(signal.SIGINT)"],
}
"""The cells that end a notebook, by what happens in them; the last one fails."""


def cells(text: str) -> list[NotebookNode]:
    """Make cells of a text in which `# %% name tag ...` begins each."""
    return [_cell(*part.split("\n", 1)) for part in re.split(r"^# %% ", text.strip("\n"), flags=re.M)[1:]]


def notebook(of: list[NotebookNode]) -> NotebookNode:
    """Make a notebook for Python."""
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=of, metadata={"kernelspec": kernel})


def conformance() -> NotebookNode:
    """Everything a report may use of a kernel; widgets where they are installed."""
    widgets = _WIDGETS if importlib.util.find_spec("ipywidgets") else ""
    return notebook(cells("\n".join((_BASICS, _DISPLAY, _STREAMS, _MAGICS, _ERRORS, widgets, _SYSTEM))))


def failure(name: str) -> NotebookNode:
    """Put a cell that goes well before what fails, and one after it that shows whether the notebook goes on."""
    sources = ["'a good start'", *FAILURES[name], "'afterwards'"]
    return notebook([nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)])


def _cell(header: str, source: str = "") -> NotebookNode:
    name, *tags = header.split()
    kinds = {"markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}
    new = kinds.get(tags[0], nbformat.v4.new_code_cell) if tags else nbformat.v4.new_code_cell
    return new(source.strip("\n"), id=name, metadata={"tags": [tag for tag in tags if tag not in kinds]})
